package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// limit sets a tenant's limits.
func limit(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, name string, limits token.Limits) {
	t.Helper()
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	if _, err := users.SetLimits(t.Context(), name, func(l *token.Limits) { *l = limits }); err != nil {
		t.Fatal(err)
	}
}

func tooFast(err error) bool {
	var early *token.ChangeRateError
	return errors.As(err, &early)
}

// missing returns n ids that no token has.
func missing(n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = 1_000_000 + int64(i)
	}
	return ids
}

// changes returns each way to change or search tokens, with how many changes it
// counts as. Each can be repeated; token 1 exists, and 2 to 19 as well.
func changes(tenant *dynamotest.Tenant) map[string]struct {
	n  int
	do func(context.Context) error
} {
	type change = struct {
		n  int
		do func(context.Context) error
	}
	at, id := tenant.Access, int64(1)
	return map[string]change{
		"update": {1, func(ctx context.Context) error {
			_, err := tenant.Update(ctx, at, id, token.Settings{Name: new("changed")})
			return err
		}},
		"status": {1, func(ctx context.Context) error {
			_, err := tenant.SetStatus(ctx, at, id, true)
			return err
		}},
		"rotate": {1, func(ctx context.Context) error {
			rotation, err := tenant.NewKeyRotation(ctx, at, id, 0)
			if err == nil {
				_, err = tenant.Rotate(ctx, at, id, rotation)
			}
			return err
		}},
		"delete": {1, func(ctx context.Context) error {
			if err := tenant.Delete(ctx, at, 999); !errors.Is(err, token.ErrNotFound) {
				return err
			}
			return nil
		}},
		"delete_several": {7, func(ctx context.Context) error {
			_, err := tenant.DeleteAll(ctx, at, missing(7), nil)
			return err
		}},
		"status_of_several": {7, func(ctx context.Context) error {
			_, err := tenant.SetStatusAll(ctx, at, missing(7), true, nil)
			return err
		}},
		"search": {1, func(ctx context.Context) error {
			_, err := tenant.Search(ctx, at, token.Query{}, 1, 10)
			return err
		}},
		"search_after": {1, func(ctx context.Context) error {
			_, err := tenant.SearchAfter(ctx, at, token.Query{}, 10, 10)
			return err
		}},
	}
}

// Each kind of change counts as many changes as it has, and is refused beyond
// the burst: a refused one has read the user and done nothing else.
func TestEveryChangeIsPaced(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "fast")
	mustCreate(t, tenant, 2)
	for name, c := range changes(tenant) {
		t.Run(name, func(t *testing.T) {
			tenant.Clock.Advance(1_000)
			limit(t, kit, tenant, "fast", token.Limits{ChangesPerSecond: 1, ChangeBurst: 9}) // exact
			for left := 9; left >= c.n; left -= c.n {
				if err := c.do(t.Context()); err != nil {
					t.Fatalf("with %d left: %v", left, err)
				}
			}
			for range 9 % c.n { // what is left of the burst
				if _, err := tenant.SetStatus(t.Context(), tenant.Access, 1, true); err != nil {
					t.Fatal(err)
				}
			}
			before, err := tenant.Get(t.Context(), tenant.Access, 1)
			if err != nil {
				t.Fatal(err)
			}
			ctx, meter := reqlog.WithMeter(t.Context())
			err = c.do(ctx)
			var early *token.ChangeRateError
			if !errors.As(err, &early) || early.RetryAfter != int64(c.n) {
				t.Errorf("got %v, want it refused for %d s", err, c.n)
			}
			reads := 1.0
			if name == "delete" {
				reads = 2 // the token, too
			}
			if cost := meter.Cost(); cost.RoundTrips != 1 || cost.ReadUnits != reads {
				t.Errorf("a refusal cost %+v, want one call and %g read units", cost, reads)
			}
			if after, err := tenant.Get(t.Context(), tenant.Access, 1); err != nil || after.Version != before.Version {
				t.Errorf("after a refusal the token has version %d, %v, want %d", after.Version, err, before.Version)
			}
			tenant.Clock.Advance(early.RetryAfter)
			if err := c.do(t.Context()); err != nil {
				t.Errorf("after the time in RetryAfter: %v", err)
			}
		})
	}
}

// A batch with more ids than are left of the burst writes nothing, not even the
// part that would fit.
func TestRefusedBatchWritesNothing(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "batch")
	mustCreate(t, tenant, 7)
	limit(t, kit, tenant, "batch", token.Limits{ChangesPerSecond: 1, ChangeBurst: 9})
	ids := []int64{1, 2, 3, 4, 5, 6, 7}
	if errs, err := tenant.SetStatusAll(t.Context(), tenant.Access, ids[:6], false, nil); errors.Join(append(errs, err)...) == nil {
		t.Fatal("tokens without quota were enabled") // but that counts
	}
	planned := func([]bool) error {
		t.Error("a refused batch was planned")
		return nil
	}
	if _, err := tenant.SetStatusAll(t.Context(), tenant.Access, ids, true, planned); !tooFast(err) {
		t.Errorf("disable 7 with 3 left: got error %v, want a *token.ChangeRateError", err)
	}
	if _, err := tenant.DeleteAll(t.Context(), tenant.Access, ids, planned); !tooFast(err) {
		t.Errorf("delete 7 with 3 left: got error %v, want a *token.ChangeRateError", err)
	}
	for _, tok := range mustList(t, tenant, 1, 10).Tokens {
		if tok.Version != 1 {
			t.Errorf("token %d was changed", tok.ID)
		}
	}
	if a := kit.Audit(t, tenant.Access.UserID); len(a.IDs) != 7 {
		t.Errorf("got %d tokens, want 7", len(a.IDs))
	}
}

// With the default limits, 19 of 20 changes cost what the documents say, and the
// 20th one write and one round trip more. A batch reads its tokens once, and
// writes nothing for tokens that do not exist.
func TestChangeCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "steady")
	load(t, kit, tenant, 1_200, nil)
	limit(t, kit, tenant, "steady", token.DefaultLimits())
	update := func(ctx context.Context) error {
		_, err := tenant.Update(ctx, tenant.Access, 1, token.Settings{Name: new("changed")})
		return err
	}
	for i := range 60 {
		tenant.Clock.Advance(1)
		r := row{fmt.Sprint("update ", i+1), 1, 1, 1, 2, update}
		if i%20 == 19 {
			r.writes, r.trips = 2, 3
		}
		r.check(t)
	}
	for _, r := range []row{
		{"delete 100 that do not exist", 101, 101, 1, 3, func(ctx context.Context) error {
			errs, err := tenant.DeleteAll(ctx, tenant.Access, missing(100), nil)
			return allNotFound(errs, err)
		}},
		{"disable 100 that do not exist", 101, 101, 1, 3, func(ctx context.Context) error {
			errs, err := tenant.SetStatusAll(ctx, tenant.Access, missing(100), true, nil)
			return allNotFound(errs, err)
		}},
		// 1,200 tokens count as 6 changes; the fourth search records them.
		{"search", 45, 45, 0, 7, nil},
		{"search", 45, 45, 0, 7, nil},
		{"search", 45, 45, 0, 7, nil},
		{"search", 45, 45, 1, 8, nil},
	} {
		tenant.Clock.Advance(10)
		if r.do == nil {
			r.do = func(ctx context.Context) error {
				_, err := tenant.Search(ctx, tenant.Access, token.Query{Keyword: "app"}, 1, 10)
				return err
			}
		}
		r.check(t)
	}
}

func allNotFound(errs []error, err error) error {
	for _, one := range errs {
		if err == nil {
			err = expect(one, token.ErrNotFound)
		}
	}
	return err
}

// In every interval, random changes by several processes on one table are at
// most a burst, what the rate allows, and what the processes owe.
func TestChangesOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	number := 0
	rapid.Check(t, func(rt *rapid.T) {
		number++
		name := fmt.Sprint("user", number)
		tenant := kit.Tenant(t, name)
		mustCreate(t, tenant, 1)
		limits := token.Limits{ChangesPerSecond: rapid.Int64Range(1, 20).Draw(rt, "rate"), ChangeBurst: rapid.Int64Range(1, 60).Draw(rt, "burst")}
		limit(t, kit, tenant, name, limits)
		processes := make([]*dynamotest.Tenant, rapid.IntRange(1, 3).Draw(rt, "processes"))
		for i := range processes {
			processes[i] = tenant.WithStore(kit.StoreWith())
		}
		type admission struct{ at, n int64 }
		var admitted []admission
		largest := int64(0)
		for range rapid.IntRange(1, 60).Draw(rt, "requests") {
			tenant.Clock.Advance(rapid.SampledFrom([]int64{0, 0, 0, 1, 3}).Draw(rt, "pause"))
			n := rapid.SampledFrom([]int64{1, 1, 1, 5, 30}).Draw(rt, "n")
			p := processes[rapid.IntRange(0, len(processes)-1).Draw(rt, "process")]
			var err error
			if n == 1 {
				_, err = p.SetStatus(t.Context(), p.Access, 1, true)
			} else {
				_, err = p.SetStatusAll(t.Context(), p.Access, missing(int(n)), true, nil)
			}
			switch {
			case err == nil:
				admitted = append(admitted, admission{tenant.UnixNow(), n})
				largest = max(largest, n)
			case !tooFast(err):
				rt.Fatalf("got error %v, want none or a *token.ChangeRateError", err)
			}
		}
		owed := min(token.MaxChangeDebt, limits.ChangeBurst/10) * int64(len(processes)+1)
		for i, first := range admitted {
			sum := int64(0)
			for _, a := range admitted[i:] {
				sum += a.n
				if most := max(limits.ChangeBurst, largest) + limits.ChangesPerSecond*(a.at-first.at) + owed + 1; sum > most {
					rt.Fatalf("%d changes in %d s, want at most %d", sum, a.at-first.at, most)
				}
			}
		}
	})
}

// 200 callers in 4 processes together make no more changes than the burst and
// what the processes owe, and no fewer than the burst. The clock stands still.
func TestConcurrentChangesArePaced(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "greedy")
	mustCreate(t, tenant, 200)
	limit(t, kit, tenant, "greedy", token.DefaultLimits())
	var made atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		process := tenant.WithStore(kit.StoreWith())
		for i := range 50 {
			all.Go(func() {
				for made.Load() < 2_000 { // else far too many
					_, err := process.SetStatus(t.Context(), process.Access, int64(i+1), true)
					switch {
					case err == nil:
						made.Add(1)
					case tooFast(err):
						return
					case !errors.Is(err, token.ErrContention): // a client would repeat it
						t.Errorf("update: %v", err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	if got, most := made.Load(), int64(200+5*token.MaxChangeDebt); got < 200-token.MaxChangeDebt || got > most {
		t.Errorf("%d changes were made, want about 200 and at most %d", got, most)
	}
}

// If another process records changes between a process's read of the user and
// its own record, the limit counts both.
func TestChangesRecordedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]int{"the_first_changes": 0, "later_changes": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			first := kit.Tenant(t, "twice")
			limit(t, kit, first, "twice", token.Limits{ChangesPerSecond: 1, ChangeBurst: 9})
			change := func(tenant *dynamotest.Tenant, n int) error {
				_, err := tenant.SetStatusAll(t.Context(), tenant.Access, missing(n), true, nil)
				return err
			}
			if before > 0 {
				if err := change(first, before); err != nil {
					t.Fatal(err)
				}
			}
			faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
				if op == dynamotest.UpdateItem && nth == 1 {
					if err := change(first, 5); err != nil {
						t.Errorf("the first 5: %v", err)
					}
				}
				return dynamotest.NoFault
			}}
			if err := change(first.WithStore(kit.StoreWith(faults.Configure)), 5); !tooFast(err) {
				t.Errorf("5 more: got error %v, want a *token.ChangeRateError", err)
			}
		})
	}
}

// If a record of changes fails, the change is refused and nothing is done; what
// the process owes is recorded later.
func TestUnrecordedChanges(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	var broken atomic.Bool
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if broken.Load() && op == dynamotest.UpdateItem {
			return dynamotest.ErrorBefore
		}
		return dynamotest.NoFault
	}}
	tenant := kit.Tenant(t, "unlucky").WithStore(kit.StoreWith(faults.Configure))
	mustCreate(t, tenant, 1)
	limit(t, kit, tenant, "unlucky", token.Limits{ChangesPerSecond: 1, ChangeBurst: 3})
	change := func() error {
		_, err := tenant.SetStatus(t.Context(), tenant.Access, 1, true)
		return err
	}
	broken.Store(true)
	if err := change(); !errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrUncertain) {
		t.Errorf("got error %v, want that nothing was changed", err)
	}
	broken.Store(false)
	if tok, err := tenant.Get(t.Context(), tenant.Access, 1); err != nil || tok.Version != 1 {
		t.Errorf("got version %d, %v, want that nothing was changed", tok.Version, err)
	}
	for i := range 3 {
		if err := change(); err != nil {
			t.Errorf("change %d: %v", i+1, err)
		}
	}
	if err := change(); !tooFast(err) {
		t.Errorf("got error %v, want a *token.ChangeRateError", err)
	}
}
