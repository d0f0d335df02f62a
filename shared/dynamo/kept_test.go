package dynamo_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

func request(tenant *dynamotest.Tenant, key string) *token.IdempotentRequest {
	r, err := token.NewIdempotentRequest(tenant.Access, key, nil, tenant.UnixNow())
	if err != nil {
		panic(err) // the key is the test's own
	}
	return r
}

// kept keeps what is as large as the answer to the spec's example.
func kept(tenant *dynamotest.Tenant, key string) func([]token.IssuedToken) (token.SavedResponse, error) {
	return func(made []token.IssuedToken) (token.SavedResponse, error) {
		answer := make([]byte, 700)
		copy(answer, fmt.Sprint(made[0].ID))
		return request(tenant, key).Seal(token.PartResponse, answer), nil
	}
}

func TestAnAnswerIsKeptForADay(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "kept")
	create := func() error {
		_, err := tenant.Service.Create(t.Context(), tenant.Access, []token.Settings{example()}, kept(tenant, "key"))
		return err
	}
	for step, seconds := range []int64{0, 0, token.SavedResponseSeconds - 1, 1, 1} {
		tenant.Clock.Step(seconds)
		fresh := step == 0 || step == 3 // nothing has removed the old answer yet, but it is over
		_, recalled := tenant.LoadResponse(t.Context(), tenant.Access, request(tenant, "key"))
		if fresh != errors.Is(recalled, token.ErrNoSavedResponse) {
			t.Errorf("step %d: recall: got error %v, is it to be fresh: %t", step, recalled, fresh)
		}
		err := create()
		var answered *token.AlreadyAnsweredError
		if fresh && err != nil || !fresh && !errors.As(err, &answered) {
			t.Errorf("step %d: create: got error %v, is it to be fresh: %t", step, err, fresh)
		}
	}
	if total := mustList(t, tenant, 1, 10).Total; total != 2 {
		t.Errorf("got %d tokens, want 2", total)
	}
}

func TestTheFirstPartThatIsKeptCounts(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "kept")
	var all sync.WaitGroup
	var first atomic.Value
	for i := range 50 {
		all.Go(func() {
			got, err := tenant.SaveResponse(t.Context(), tenant.Access, request(tenant, "key"), token.PartPlan, fmt.Append(nil, i))
			if err != nil {
				t.Errorf("keep: %v", err)
				return
			}
			if !first.CompareAndSwap(nil, string(got)) && first.Load() != string(got) {
				t.Errorf("got %s, others got %s", got, first.Load())
			}
		})
	}
	all.Wait()
}

// TestRivalsTogetherMakeNoMoreThanTheUserMay has a clock that stands still.
func TestRivalsTogetherMakeNoMoreThanTheUserMay(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		limits token.Limits
		want   int64
	}{
		"max tokens":    {token.Limits{MaxTokens: 10}, 10},
		"rate":          {token.Limits{CreatesPerSecond: 10, CreateBurst: 20}, 20},
		"both":          {token.DefaultLimits(), 20},
		"max below all": {token.Limits{MaxTokens: 7, CreatesPerSecond: 10, CreateBurst: 20}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "greedy")
			accounts := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
			if _, err := accounts.SetLimits(t.Context(), "greedy", func(l *token.Limits) { *l = row.limits }); err != nil {
				t.Fatal(err)
			}
			var made atomic.Int64
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					for {
						_, _, err := eventually(t.Context(), tenant)
						var early *token.CreateRateError
						switch {
						case err == nil:
							if made.Add(1) > 2*row.want { // enough is shown
								return
							}
						case errors.Is(err, token.ErrTokenLimit) || errors.As(err, &early):
							return
						default:
							t.Errorf("create: %v", err)
							return
						}
					}
				})
			}
			all.Wait()
			if a := kit.Audit(t, tenant.Access.UserID); made.Load() != row.want || a.Given != row.want {
				t.Errorf("%d creates were acknowledged, %d ids given, want %d", made.Load(), a.Given, row.want)
			}
		})
	}
}
