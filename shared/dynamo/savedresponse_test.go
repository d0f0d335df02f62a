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
		panic(err) // the test's key is valid
	}
	return r
}

// saved saves a response of the size that the contract's example has.
func saved(tenant *dynamotest.Tenant, key string) func([]token.IssuedToken) (token.SavedResponse, error) {
	return func(made []token.IssuedToken) (token.SavedResponse, error) {
		response := make([]byte, 700)
		copy(response, fmt.Sprint(made[0].ID))
		return request(tenant, key).Seal(token.PartResponse, response), nil
	}
}

// A saved response is returned for a day; then the request counts as new.
func TestSavedResponseExpires(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "saver")
	create := func() error {
		_, err := tenant.Service.Create(t.Context(), tenant.Access, []token.Settings{example()}, saved(tenant, "key"))
		return err
	}
	for step, seconds := range []int64{0, 0, token.SavedResponseSeconds - 1, 1, 1} {
		tenant.Clock.Advance(seconds)
		fresh := step == 0 || step == 3 // at step 3 the old response has expired but is still stored
		_, loaded := tenant.LoadResponse(t.Context(), tenant.Access, request(tenant, "key"))
		if fresh != errors.Is(loaded, token.ErrNoSavedResponse) {
			t.Errorf("step %d: load: got error %v, want a new request: %t", step, loaded, fresh)
		}
		err := create()
		var answered *token.AlreadyAnsweredError
		if fresh && err != nil || !fresh && !errors.As(err, &answered) {
			t.Errorf("step %d: create: got error %v, want a new request: %t", step, err, fresh)
		}
	}
	if total := mustList(t, tenant, 1, 10).Total; total != 2 {
		t.Errorf("got %d tokens, want 2", total)
	}
}

// All callers who save a part of one request get the part that was saved first.
func TestFirstSavedPartWins(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "saver")
	var all sync.WaitGroup
	var first atomic.Value
	for i := range 50 {
		all.Go(func() {
			got, err := tenant.SaveResponse(t.Context(), tenant.Access, request(tenant, "key"), token.PartPlan, fmt.Append(nil, i))
			if err != nil {
				t.Errorf("save: %v", err)
				return
			}
			if !first.CompareAndSwap(nil, string(got)) && first.Load() != string(got) {
				t.Errorf("got %s, others got %s", got, first.Load())
			}
		})
	}
	all.Wait()
}

// Concurrent creates together make no more tokens than the user's limits allow.
// The clock stands still.
func TestConcurrentCreatesKeepLimits(t *testing.T) {
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
			users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
			if _, err := users.SetLimits(t.Context(), "greedy", func(l *token.Limits) { *l = row.limits }); err != nil {
				t.Fatal(err)
			}
			var made atomic.Int64
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					for {
						_, _, err := createWithRetry(t.Context(), tenant)
						var early *token.CreateRateError
						switch {
						case err == nil:
							if made.Add(1) > 2*row.want { // already too many
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
