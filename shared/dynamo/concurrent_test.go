package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// createWithRetry repeats a create while it fails with ErrContention, as a client
// does on 429.
func createWithRetry(ctx context.Context, tenant *dynamotest.Tenant) (token.Token, credential.Key, error) {
	for {
		made, key, err := tenant.Create(ctx, tenant.Access, example())
		if !errors.Is(err, token.ErrContention) {
			return made, key, err
		}
	}
}

// Concurrent creates get ids without gaps and a key each.
func TestConcurrentCreates(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "busy")
	const creators, each = 64, 3
	made := make(chan credential.Key, creators*each)
	var all sync.WaitGroup
	for range creators {
		all.Go(func() {
			for range each {
				tok, key, err := createWithRetry(t.Context(), tenant)
				if err != nil || tok.ID != key.TokenID || tok.KeyHash != key.Hash() {
					t.Errorf("create: got id %d, key of %d (%v), want them to match", tok.ID, key.TokenID, err)
				}
				made <- key
			}
		})
	}
	all.Wait()
	close(made)
	keys, ids := map[string]bool{}, []int64{}
	for key := range made {
		keys[key.Reveal()] = true
		ids = append(ids, key.TokenID)
	}
	slices.Sort(ids)
	if n := len(ids); n != creators*each || ids[0] != 1 || ids[n-1] != int64(n) || len(slices.Compact(ids)) != n || len(keys) != n {
		t.Errorf("got %d ids, %d keys, want %d dense ids with a key each: %v", n, len(keys), creators*each, ids)
	}
	if total := mustList(t, tenant, 1, 1).Total; total != creators*each {
		t.Errorf("got total %d, want %d", total, creators*each)
	}
	if a := kit.Audit(t, tenant.Access.UserID); a.Given != creators*each || len(a.IDs) != creators*each {
		t.Errorf("got seq %d, %d tokens, want %d", a.Given, len(a.IDs), creators*each)
	}
}

// Of concurrent deletes of one token exactly one succeeds.
func TestConcurrentDeletes(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "busy")
	mustCreate(t, tenant, 10)
	for id := int64(1); id <= 10; id++ {
		var deleted atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				switch err := tenant.Delete(t.Context(), tenant.Access, id); {
				case err == nil:
					deleted.Add(1)
				case !errors.Is(err, token.ErrNotFound):
					t.Errorf("got error %v, want ErrNotFound", err)
				}
			})
		}
		all.Wait()
		if got := deleted.Load(); got != 1 {
			t.Errorf("token %d: got %d deletes that succeeded, want 1", id, got)
		}
	}
	if a := kit.Audit(t, tenant.Access.UserID); a.Deleted != 10 || len(a.IDs) != 0 {
		t.Errorf("got %d deletions counted, %d tokens left, want 10 and 0", a.Deleted, len(a.IDs))
	}
}

// Counters, lists and stored tokens agree after concurrent creates, deletes and
// lists.
func TestConcurrentWorkKeepsCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		faulty int // percent of the attempts
	}{{"calm", 0}, {"with lost answers and throttles", 20}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "busy")
			load(t, kit, tenant, 230, nil) // the next creates fill this bucket and begin another
			random := seeded(5, c.faulty)
			faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
				if random.IntN(100) >= c.faulty {
					return dynamotest.NoFault
				}
				return oneOf(random, dynamotest.FaultsOf(op))
			}}
			var all sync.WaitGroup
			for n := range 12 {
				worker := tenant.WithStore(kit.StoreWith(faults.Configure))
				all.Go(func() { work(t, worker, seeded(6, n), c.faulty > 0) })
			}
			all.Wait()
			checkSettled(t, kit, tenant)
		})
	}
}

func oneOf[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }

// work creates, deletes and lists tokens at random.
func work(t *testing.T, tenant *dynamotest.Tenant, random *rand.Rand, faulty bool) {
	ctx := t.Context()
	for range 30 {
		var err error
		switch random.IntN(5) {
		case 0, 1:
			_, _, err = createWithRetry(ctx, tenant)
		case 2, 3:
			err = tenant.Delete(ctx, tenant.Access, 1+random.Int64N(300))
			if errors.Is(err, token.ErrNotFound) {
				err = nil
			}
		default:
			_, err = tenant.List(ctx, tenant.Access, 1+random.Int64N(10), 30)
		}
		if err != nil && (!faulty || !errors.Is(err, token.ErrUnavailable)) {
			t.Errorf("got error %v", err)
		}
	}
}

// checkSettled lists all tokens, which finishes interrupted deletions. Then it
// checks that lists, counters and stored tokens agree, and returns the ids.
func checkSettled(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant) []int64 {
	t.Helper()
	walk(t, tenant, 100)
	ids := walk(t, tenant, 100)
	total := mustList(t, tenant, 1, 1).Total
	slices.Sort(ids)
	a := kit.Audit(t, tenant.Access.UserID)
	if !slices.Equal(a.IDs, ids) || total != int64(len(ids)) {
		t.Errorf("got %d listed, total %d, want the %d that are stored", len(ids), total, len(a.IDs))
	}
	for _, size := range []int64{7, 30} {
		for page := range total/size + 2 {
			if got, want := idsOf(mustList(t, tenant, page+1, size)), naivePage(ids, page+1, size); !slices.Equal(got, want) {
				t.Errorf("page %d of %d: got %v, want %v", page+1, size, got, want)
			}
		}
	}
	return ids
}

// An expectation is what is known of a token after calls that may have failed
// with an uncertain result.
type expectation struct {
	id            int64 // 0 if no answer named it
	made, gone    bool  // acknowledged
	maybeGone     bool
	version, most int64 // the lowest and the highest version that it can have
}

// Every acknowledged change is stored, and none is applied twice, whatever
// faults happen.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range 2 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "victim")
			random := seeded(7, seed)
			faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
				if random.IntN(100) >= 30 {
					return dynamotest.NoFault
				}
				return oneOf(random, dynamotest.FaultsOf(op))
			}}
			victim := tenant.WithStore(kit.StoreWith(faults.Configure))
			expected := map[string]*expectation{} // by name, which never changes
			for n := range 400 {
				step(t, victim, random, expected, n)
			}
			checkExpectations(t, tenant, expected, checkSettled(t, kit, tenant))
		})
	}
}

// step makes one random call and records what is known afterwards.
func step(t *testing.T, victim *dynamotest.Tenant, random *rand.Rand, expected map[string]*expectation, n int) {
	t.Helper()
	var known []string
	for name, f := range expected {
		if f.id > 0 {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	action := random.IntN(4)
	if len(known) == 0 {
		action = 0
	}
	var err error
	switch action {
	case 0:
		name := fmt.Sprint("token ", n)
		f := &expectation{version: 1, most: 1}
		expected[name] = f
		var made token.Token
		if made, _, err = victim.Create(t.Context(), victim.Access, token.Settings{Name: &name}); err == nil {
			f.id, f.made = made.ID, true
		}
	case 1:
		err = expected[oneOf(random, known)].delete(t, victim)
	case 2:
		err = expected[oneOf(random, known)].update(t, victim, int64(n))
	default:
		_, err = victim.List(t.Context(), victim.Access, 1+random.Int64N(5), 10)
	}
	if err != nil && !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("step %d: got error %v, want ErrUnavailable or none", n, err)
	}
}

func (f *expectation) delete(t *testing.T, victim *dynamotest.Tenant) error {
	err := victim.Delete(t.Context(), victim.Access, f.id)
	switch {
	case err == nil && f.gone:
		t.Errorf("token %d was deleted twice", f.id)
	case err == nil:
		f.gone = true
	case errors.Is(err, token.ErrNotFound):
		if !f.gone && !f.maybeGone {
			t.Errorf("token %d is gone but was not deleted", f.id)
		}
		f.gone = true
		return nil
	default:
		f.maybeGone = true
	}
	return err
}

func (f *expectation) update(t *testing.T, victim *dynamotest.Tenant, quota int64) error {
	got, err := victim.Update(t.Context(), victim.Access, f.id, token.Settings{RemainQuota: &quota})
	switch {
	case errors.Is(err, token.ErrNotFound):
		if !f.gone && !f.maybeGone {
			t.Errorf("token %d is gone but was not deleted", f.id)
		}
		f.gone = true
		return nil
	case err != nil:
		f.most++
		return err
	case f.gone || got.RemainQuota != quota || got.Version <= f.version || got.Version > f.most+1:
		t.Errorf("update of token %d: got quota %d, version %d, want %d, %d to %d", f.id, got.RemainQuota, got.Version, quota, f.version+1, f.most+1)
	}
	f.maybeGone = false // the update has found it
	f.version, f.most = got.Version, got.Version
	return nil
}

func checkExpectations(t *testing.T, tenant *dynamotest.Tenant, expected map[string]*expectation, ids []int64) {
	t.Helper()
	seen := map[string]int{}
	for _, id := range ids {
		got, err := tenant.Get(t.Context(), tenant.Access, id)
		if err != nil {
			t.Fatal(err)
		}
		f := expected[got.Name]
		seen[got.Name]++
		switch {
		case f == nil || seen[got.Name] > 1:
			t.Errorf("token %d, %q, is stored more often than it was created", id, got.Name)
		case f.gone || f.made && f.id != id || got.Version < f.version || got.Version > f.most:
			t.Errorf("token %d: got %+v, want what was acknowledged: %+v", id, got, f)
		}
	}
	for name, f := range expected {
		if f.made && !f.gone && !f.maybeGone && seen[name] != 1 {
			t.Errorf("%q was acknowledged and is stored %d times, want once", name, seen[name])
		}
	}
}
