package dynamo_test

import (
	"context"
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A user is read with its wallet in one round trip. The budget costs a query of
// each bucket of tokens, and nothing if there is none.
func TestAccountCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "account")
	service := &token.Service{Store: p.kit.Store, Now: p.Clock.Now}
	self := func(ctx context.Context) error {
		_, _, err := service.Account(ctx, p.Access)
		return err
	}
	budget := func(ctx context.Context) error {
		_, err := service.Holdings(ctx, p.Access)
		return err
	}
	none := func(ctx context.Context) error {
		if err := budget(ctx); !errors.Is(err, token.ErrNoBudget) {
			return errors.New("there is a budget")
		}
		return nil
	}
	row{"self without a wallet", 2, 2, 0, 1, self}.check(t)
	row{"budget without a wallet", 1, 1, 0, 1, none}.check(t)
	p.budget(t, units(1_000))
	p.create(t, 3)
	row{"self", 2, 2, 0, 1, self}.check(t)
	row{"budget: META, the wallet twice, a bucket", 4, 4, 0, 4, budget}.check(t)
	p.budget(t, nil)
	row{"self, turned off", 2, 2, 0, 1, self}.check(t)
	row{"budget, turned off", 1, 1, 0, 1, none}.check(t)
}
