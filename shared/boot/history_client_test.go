package boot_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A historyClient creates tokens of a user and does random operations on them,
// in a process that may crash.
type historyClient struct {
	*round
	user    *dynamotest.Tenant // in the process that may crash
	other   *dynamotest.Tenant // in a process that never crashes
	gate    *gate.Gate         // in the process that may crash
	process *dynamotest.Process
	random  *rand.Rand
}

// newHistoryClient returns the client of a number, which seeds its random
// choices.
func newHistoryClient(r *round, user *dynamotest.Tenant, number int) *historyClient {
	process := new(dynamotest.Process)
	keys := gate.New(dynamo.New(dynamotest.Client(r.kit.Endpoint, process.Configure), dynamotest.Table), gate.WithClock(user.Clock.Now))
	return &historyClient{r, user.WithStore(r.store(process.Configure)), user.WithStore(r.store()), keys, process, seeded(r.number, number)}
}

// A createdToken is a token and how many operations on it are still to come.
type createdToken struct {
	id         int64
	key        string
	operations int
}

// run creates tokensPerClient tokens and does the operations on all of them.
func (c *historyClient) run(t *testing.T) {
	var tokens []*createdToken
	for created := 0; created < tokensPerClient || len(tokens) > 0; {
		if created < tokensPerClient && (len(tokens) == 0 || c.random.IntN(4) == 0) {
			created++
			c.created.Add(1)
			if made := c.create(t); made != nil {
				tokens = append(tokens, made)
			}
			continue
		}
		i := c.random.IntN(len(tokens))
		c.operate(t, tokens[i])
		if tokens[i].operations--; tokens[i].operations == 0 {
			tokens = slices.Delete(tokens, i, i+1)
		}
	}
}

// create returns nil if the process crashed before it got the answer.
func (c *historyClient) create(t *testing.T) (made *createdToken) {
	settings := token.Settings{Name: new("a"), RemainQuota: new(int64(5)), ExpiredTime: c.expiry()}
	c.do(t, "create", func(ctx context.Context) error {
		got, key, err := c.user.Create(ctx, c.user.Access, settings)
		if err == nil {
			made = &createdToken{got.ID, key.Reveal(), 1 + c.random.IntN(4)}
		}
		return err
	})
	return made
}

// expiry returns never, or soon by the service's clock. By the engine's clock,
// which is ahead, that is past.
func (c *historyClient) expiry() *int64 {
	if c.random.IntN(2) == 0 {
		return new(int64(token.Never))
	}
	return new(c.user.UnixNow() + 10)
}

// operate does a random operation on a token.
func (c *historyClient) operate(t *testing.T, on *createdToken) {
	remove := func(ctx context.Context) error { return c.user.Delete(ctx, c.user.Access, on.id) }
	if c.random.IntN(2) == 0 { // in two steps
		remove = func(ctx context.Context) error {
			errs, err := c.user.DeleteAll(ctx, c.user.Access, []int64{on.id}, nil)
			return errors.Join(append(errs, err)...)
		}
	}
	switch c.random.IntN(8) {
	case 0:
		c.do(t, "spend", func(ctx context.Context) error {
			_, err := c.gate.Verify(ctx, on.key, quota.Question{Quota: 1})
			return err
		})
	case 1, 2:
		settings := token.Settings{ExpiredTime: c.expiry()}
		c.do(t, "update", func(ctx context.Context) error {
			_, err := c.user.Update(ctx, c.user.Access, on.id, settings)
			return err
		})
	case 3:
		c.do(t, "list", func(ctx context.Context) error {
			_, err := c.user.List(ctx, c.user.Access, 1+c.random.Int64N(3), 10)
			return err
		})
	case 4:
		var second sync.WaitGroup
		second.Go(func() { c.check(t, "delete", c.other.Delete(t.Context(), c.other.Access, on.id)) })
		c.do(t, "delete", remove)
		second.Wait()
	default:
		c.do(t, "delete", remove)
	}
}

// do runs an operation in the client's process, which may crash meanwhile. One
// time in six it first tells the round that it is time for platform work.
func (c *historyClient) do(t *testing.T, operation string, call func(context.Context) error) {
	if c.random.IntN(6) == 0 {
		select {
		case c.yield <- struct{}{}:
		default: // the round is still at work
		}
	}
	lastCall := 0
	if c.random.IntN(3) == 0 {
		lastCall = 1 + c.random.IntN(4)
	}
	ctx := c.process.Start(t.Context(), lastCall, c.random.IntN(2) == 0)
	err := call(ctx)
	if c.process.Stop() {
		c.crashes.Add(1)
		return
	}
	c.check(t, operation, err)
}

// check fails the test on an error that concurrent operations do not explain.
func (c *historyClient) check(t *testing.T, operation string, err error) {
	if err != nil && !errors.Is(err, token.ErrNotFound) && !errors.Is(err, token.ErrContention) && !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("round %d: %s: %v", c.number, operation, err)
	}
}
