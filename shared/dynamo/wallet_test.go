package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A purse is a tenant with a wallet.
type purse struct {
	*dynamotest.Tenant
	kit   *dynamotest.Kit
	users *token.UserService
	name  string
}

func newPurse(t testing.TB, kit *dynamotest.Kit, name string) *purse {
	t.Helper()
	tenant := kit.Tenant(t, name)
	return &purse{tenant, kit, &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}, name}
}

// budget sets the budget; nil turns the wallet off.
func (p *purse) budget(t testing.TB, b *token.Budget) token.Wallet {
	t.Helper()
	w, err := p.users.SetBudget(t.Context(), p.name, b, func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// create makes n unlimited tokens.
func (p *purse) create(t testing.TB, n int) []credential.Key {
	t.Helper()
	keys := make([]credential.Key, n)
	for i := range keys {
		var err error
		if _, keys[i], err = p.Create(t.Context(), p.Access, token.Settings{Name: new(fmt.Sprint("app ", i)), UnlimitedQuota: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// gate is a gate with a store of its own, as another process has.
func (p *purse) gate() *gate.Gate {
	return gate.New(dynamo.New(dynamotest.Client(p.kit.Endpoint), dynamotest.Table), gate.WithClock(p.Clock.Now))
}

// holdings returns the holdings and fails the test unless they add up to the
// budget.
func (p *purse) holdings(t testing.TB) token.Holdings {
	t.Helper()
	_, h, err := p.users.Holdings(t.Context(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	if sum := h.Left + h.Free + h.Held + h.Used; sum != h.Units || h.Missing != 0 || h.Left < 0 || h.Free < 0 || h.Held < 0 {
		t.Errorf("budget %d is not %d left + %d free + %d held + %d used; %d missing", h.Units, h.Left, h.Free, h.Held, h.Used, h.Missing)
	}
	return h
}

func units(n int64) *token.Budget { return &token.Budget{Units: n} }

// spend spends until the gate answers, and reports whether it was allowed.
func spend(ctx context.Context, g *gate.Gate, key credential.Key, n int64) (quota.Verdict, error) {
	for {
		v, err := g.Verify(ctx, key.Reveal(), quota.Question{Quota: n, RequestID: quota.NewRequestID(n, 0)})
		if !quotaIsBusy(err) {
			return v, err
		}
	}
}

// mustSpend spends and fails the test unless that is allowed.
func (p *purse) mustSpend(t *testing.T, g *gate.Gate, key credential.Key, n int64) {
	t.Helper()
	if v, err := spend(t.Context(), g, key, n); err != nil || !v.Valid() {
		t.Errorf("spend %d: got %+v, %v", n, v.Reason, err)
	}
}

// mustRefuse fails the test unless the wallet refuses to spend.
func (p *purse) mustRefuse(t *testing.T, g *gate.Gate, key credential.Key, n int64) {
	t.Helper()
	v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: n, RequestID: quota.NewRequestID(n, 0)})
	if err != nil || v.Refusal != quota.RefusedExhausted || v.Scope != quota.ScopeWallet {
		t.Errorf("spend %d: got %+v, %v, want a refusal by the wallet", n, v.Reason, err)
	}
}

// Once a token has a block, an operation on it costs what it costs without a
// wallet.
func TestWalletCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "wallet")
	p.budget(t, units(64_000))
	key := p.create(t, 1)[0].Reveal()
	other := p.create(t, 1)[0].Reveal()
	g := p.gate()
	q := quota.Question{Model: "gpt-5", Quota: 10}
	var hold *gate.Hold
	var held quota.Reservation
	check := func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, quota.Question{})) }
	spend := func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, q)) }
	reserve := func(ctx context.Context) error {
		h, r, err := g.Hold(ctx, key, q, 0)
		hold = h
		return verdictError(r.Verdict, err)
	}
	for _, r := range []row{
		{"check before the first draw: the wallet is read", 2, 2, 0, 2, check},
		{"first spend: a refused write, a read, a draw, the spend", 1, 1, 6, 4, spend},
		{"check", 1, 1, 0, 1, check},
		{"spend", 0, 0, 1, 1, spend},
		{"own hold", 0, 0, 1, 1, reserve},
		{"grow", 0, 0, 1, 1, func(ctx context.Context) error { return verdictError(hold.Grow(ctx, quota.Question{}, 30)) }},
		{"settle for less", 0, 0, 1, 1, func(ctx context.Context) error { _, err := hold.Settle(ctx, 7, price.Use{}); return err }},
		{"another own hold", 0, 0, 1, 1, reserve},
		{"settle for more", 0, 0, 1, 1, func(ctx context.Context) error { _, err := hold.Settle(ctx, 25, price.Use{}); return err }},
		{"reserve", 0, 0, 1, 1, func(ctx context.Context) error {
			var err error
			held, err = g.Reserve(ctx, key, q, 0)
			return verdictError(held.Verdict, err)
		}},
		{"release", 0, 0, 1, 1, func(ctx context.Context) error { _, err := g.Release(ctx, key, held.RequestID); return err }},
		{"first spend of another token", 1, 1, 6, 4, func(ctx context.Context) error { return verdictError(g.Verify(ctx, other, q)) }},
		{"create", 1, 1, 4, 2, func(ctx context.Context) error {
			_, _, err := p.Create(ctx, p.Access, token.Settings{Name: new("one more")})
			return err
		}},
		{"delete without a block", 2, 2, 4, 2, func(ctx context.Context) error { return p.Delete(ctx, p.Access, 3) }},
		{"delete with a block", 2, 2, 6, 2, func(ctx context.Context) error { return p.Delete(ctx, p.Access, 2) }},
	} {
		r.check(t)
	}
	if h := p.holdings(t); h.Used != 52+10 || h.Gone != 10 || h.Held != 0 {
		t.Errorf("got %+v", h)
	}
}

// Many tokens in many processes use exactly the budget: the last refusal comes
// when nothing is left, neither in the wallet nor in any block.
func TestBudgetIsUsedExactly(t *testing.T) {
	t.Parallel()
	const processes, tokens, budget = 8, 50, 3_000
	p := newPurse(t, newKit(t), "spenders")
	p.budget(t, units(budget))
	keys := p.create(t, tokens)
	var all sync.WaitGroup
	for n := range processes {
		g := p.gate()
		for worker := range 3 {
			all.Go(func() {
				random := seeded(n, worker)
				for range 200 { // a tenth is enough
					v, err := spend(t.Context(), g, keys[random.IntN(tokens)], 1+random.Int64N(30))
					switch {
					case err != nil:
						t.Error(err)
						return
					case v.Valid():
					case v.Scope == quota.ScopeWallet:
						return
					default:
						t.Errorf("got %+v", v.Reason)
						return
					}
				}
			})
		}
	}
	all.Wait()
	h := p.holdings(t)
	// What is left is less than the largest spend. One unit at a time uses it up.
	if rest := h.Left + h.Free; rest >= 30 {
		t.Errorf("%d units are left after a refusal of at most 30", rest)
	}
	g := p.gate()
	for range budget {
		v, err := spend(t.Context(), g, keys[0], 1)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Valid() {
			break
		}
	}
	if h := p.holdings(t); h.Used != budget {
		t.Errorf("%d of %d units were used: %+v", h.Used, budget, h)
	}
	page := mustList(t, p.Tenant, 1, tokens)
	var used int64
	for _, tok := range page.Tokens {
		used += tok.UsedAt(p.UnixNow())
	}
	if used != budget {
		t.Errorf("the tokens have used %d of %d units", used, budget)
	}
}

// A wallet that is used up refuses at the cost of two reads, and a refused write
// the first time, however many tokens the user has.
func TestRefusalByEmptyWalletCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "empty")
	p.budget(t, units(5))
	keys := p.create(t, 3)
	g := p.gate()
	p.mustSpend(t, g, keys[0], 5)
	refused := func(ctx context.Context) error {
		v, err := g.Verify(ctx, keys[1].Reveal(), quota.Question{Quota: 1})
		if err == nil && v.Valid() {
			return errors.New("allowed")
		}
		return err
	}
	row{"first, which reads all tokens", 3, 3, 1, 4, refused}.check(t)
	row{"again", 2, 2, 0, 2, refused}.check(t)
}
