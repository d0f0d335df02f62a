package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A deletion that another write comes before, after it has read the token, has one
// entry in the audit trail and one event if it succeeds, with the token's name then, and
// else none. The creates that follow repeat neither.
func TestDeletionAfterAnotherWrite(t *testing.T) {
	t.Parallel()
	type world struct {
		*purse
		key credential.Key
	}
	rename := func(ctx context.Context, w world) error {
		_, err := w.Update(ctx, w.Access, 1, token.Settings{Name: new("new")})
		return err
	}
	spends := func(ctx context.Context, w world) error {
		v, err := spend(ctx, w.gate(), w.key, 5)
		if err == nil && !v.Valid() {
			err = v.Refusal.Err()
		}
		return err
	}
	first := token.Versions{1}
	for name, tt := range map[string]struct {
		budget   *token.Budget
		before   func(context.Context, world) error // before the read
		act      func(context.Context, world) error // between the read and the transaction
		versions token.Versions
		want     error
		calls    int64    // transactions
		deleted  []string // the names in the entries
	}{
		"nothing":             {nil, nil, nil, first, nil, 1, []string{"app 0"}},
		"charge":              {nil, nil, spends, first, nil, 1, []string{"app 0"}},
		"charge before":       {units(64_000), spends, nil, first, nil, 1, []string{"app 0"}},
		"charge of a block":   {units(64_000), spends, spends, first, nil, 2, []string{"app 0"}},
		"first draw":          {units(64_000), nil, spends, first, nil, 2, []string{"app 0"}},
		"update":              {nil, nil, rename, nil, nil, 2, []string{"new"}},
		"update of a version": {nil, nil, rename, first, token.ErrVersionMismatch, 1, nil},
		"update long before":  {nil, rename, nil, first, token.ErrVersionMismatch, 0, nil},
		"deletion": {nil, nil, func(ctx context.Context, w world) error {
			return w.Delete(ctx, w.Access, 1)
		}, nil, token.ErrNotFound, 1, []string{"app 0"}},
		"deletion half done": {nil, nil, func(_ context.Context, w world) error {
			onlyRevoke(t, w.kit, w.Tenant, 1)
			return nil
		}, nil, token.ErrNotFound, 2, []string{"app 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			p := &purse{a.tenant, a.Kit, a.operator, "alice"}
			if tt.budget != nil {
				p.budget(t, tt.budget)
			}
			w := world{p, p.create(t, 1)[0]}
			if tt.before != nil {
				if err := tt.before(t.Context(), w); err != nil {
					t.Fatal(err)
				}
			}
			store, calls := p.store("TransactWriteItems", sync.OnceFunc(func() {
				if tt.act == nil {
					return
				}
				if err := tt.act(t.Context(), w); err != nil {
					t.Error(err)
				}
			}))
			err := p.WithStore(store).Service.Delete(t.Context(), p.Access, 1, tt.versions)
			if !errors.Is(err, tt.want) || calls.calls.Load() != tt.calls {
				t.Errorf("got %v after %d transactions, want %v after %d", err, calls.calls.Load(), tt.want, tt.calls)
			}
			p.create(t, 2)
			checkDeletions(t, a, tt.deleted)
			if found := a.Audit(t, 1); int64(len(tt.deleted)) != found.Deleted || found.Given != 3 {
				t.Errorf("got %d deletions of %d ids, want %d of 3", found.Deleted, found.Given, len(tt.deleted))
			}
			if tt.budget != nil {
				p.holdings(t)
			}
		})
	}
}

// checkDeletions compares the names of the tokens whose deletion the audit trail and the
// events of what is new in the stream have.
func checkDeletions(t *testing.T, a *audited, want []string) {
	t.Helper()
	var entries, trail, events []string
	records := a.fold(t)
	for id, all := range [][]history.Entry{a.trail(t, 1, 0), a.trail(t, 1, 1)} {
		for _, e := range all {
			if e.Action != history.TokenDeleted {
				continue
			}
			if e.TokenID != 1 || e.By != history.ByUser {
				t.Errorf("got %+v", e)
			}
			if id == 0 {
				trail = append(trail, e.Name)
			} else {
				entries = append(entries, e.Name)
			}
		}
	}
	for _, r := range records {
		all, err := dynamo.EventsOf(r)
		if err != nil {
			t.Error(err)
		}
		for _, e := range all {
			if e.Type != event.TokenDeleted {
				continue
			}
			var c event.Change
			if err := json.Unmarshal(e.Data, &c); err != nil {
				t.Error(err)
			}
			events = append(events, c.Name)
		}
	}
	for what, got := range map[string][]string{"user's entries": trail, "token's entries": entries, "events": events} {
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
}

// Many deletions of one user, one after the other, have one entry each.
func TestDeletionsInSuccession(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	const tokens = 12
	mustCreate(t, a.tenant, tokens)
	var all sync.WaitGroup
	for id := range int64(tokens) {
		all.Go(func() {
			if err := a.tenant.Delete(t.Context(), a.tenant.Access, id+1); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	mustCreate(t, a.tenant, 1)
	a.fold(t)
	var got []int64
	for _, e := range a.trail(t, 1, 0) {
		if e.Action == history.TokenDeleted {
			got = append(got, e.TokenID)
		}
	}
	slices.Sort(got)
	if want := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("got entries of %v, want %v", got, want)
	}
}

// What looks like a key in the name of a token is gone with the token.
func TestDeletedTokenLeavesNoKey(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	secret := "sk-proj-" + strings.Repeat("0123456789", 2)
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: &secret}); err != nil {
		t.Fatal(err)
	}
	if !kit.Contains(t, secret) {
		t.Fatal("the token has another name")
	}
	if err := tenant.Delete(t.Context(), tenant.Access, 1); err != nil {
		t.Fatal(err)
	}
	if kit.Contains(t, secret) {
		t.Error("the table has the key that was in the name of a deleted token")
	}
}

// A transaction that is repeated with its token is applied once by the engine, as by
// DynamoDB, also if another one came in between.
func TestEngineRecognizesRequestTokens(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "victim")
	mustCreate(t, tenant, 3)
	faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		switch {
		case op != dynamotest.TransactWriteItems:
			return dynamotest.NoFault
		case nth == 1:
			return dynamotest.LostAfter
		default:
			if err := tenant.Delete(t.Context(), tenant.Access, 3); err != nil {
				t.Error(err)
			}
			return dynamotest.NoFault
		}
	}}
	if err := tenant.WithStore(kit.StoreWith(faults.Configure)).Delete(t.Context(), tenant.Access, 2); err != nil {
		t.Error(err)
	}
	if got := faults.Attempts(dynamotest.TransactWriteItems); got != 2 {
		t.Errorf("got %d attempts, want 2", got)
	}
	if a := kit.Audit(t, 1); !slices.Equal(a.IDs, []int64{1}) || a.Deleted != 2 {
		t.Errorf("got ids %v, %d deletions, want 1, and two", a.IDs, a.Deleted)
	}
}
