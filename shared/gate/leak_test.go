package gate_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// revoke revokes a key and checks whether that has changed its token.
func revoke(t testing.TB, g *gate.Gate, key string, changed bool) {
	t.Helper()
	if found, err := g.Revoke(t.Context(), key); err != nil || (found.ID != 0) != changed {
		t.Errorf("revoke: got token %d (%v), want changed: %v", found.ID, err, changed)
	}
}

// rotate rotates a token with a grace period of 600 seconds for its present key.
func rotate(t testing.TB, tenant *dynamotest.Tenant, id int64) token.IssuedToken {
	t.Helper()
	rotation, err := tenant.NewKeyRotation(t.Context(), tenant.Access, id, 600)
	if err != nil {
		t.Fatal(err)
	}
	made, err := tenant.Rotate(t.Context(), tenant.Access, id, rotation)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// wantUnknown checks that a key is refused for every use as one that no token has.
func wantUnknown(t *testing.T, g *gate.Gate, key string) {
	t.Helper()
	for name, use := range map[string]func() (quota.Verdict, error){
		"check": func() (quota.Verdict, error) { return g.Verify(t.Context(), key, quota.Question{}) },
		"spend": func() (quota.Verdict, error) { return g.Verify(t.Context(), key, quota.Question{Quota: 1}) },
		"reserve": func() (quota.Verdict, error) {
			r, err := g.Reserve(t.Context(), key, quota.Question{Quota: 1}, 0)
			return r.Verdict, err
		},
		"hold": func() (quota.Verdict, error) {
			_, r, err := g.Hold(t.Context(), key, quota.Question{Quota: 1}, 0)
			return r.Verdict, err
		},
	} {
		if v, err := use(); err != nil || v.Refusal != quota.RefusedUnknown || v.Token.ID != 0 {
			t.Errorf("%s: got %+v (%v), want the key unknown", name, v.Reason, err)
		}
	}
	if _, err := g.Usage(t.Context(), key, quota.Origin{}); !errors.Is(err, quota.ErrKeyUnknown) {
		t.Errorf("usage: got error %v, want ErrKeyUnknown", err)
	}
}

// A revoked key is refused at once and for good, also after its owner has enabled or
// rotated the token; what its holds have used is charged. The new key works.
func TestRevokedByPossession(t *testing.T) {
	t.Parallel()
	for name, settings := range kindsOfToken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit, tenant, key := newTenant(t, settings)
			g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
			var ids []string
			for range 3 {
				r, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 10}, 0)
				if err != nil || !r.Valid() {
					t.Fatalf("before: got %+v (%v), want a hold", r, err)
				}
				ids = append(ids, r.RequestID)
			}
			own, _, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 10}, 0)
			if err != nil {
				t.Fatal(err)
			}
			revoke(t, g, key.Reveal()[len(credential.KeyPrefix):], true) // as New API accepts it
			revoke(t, g, key.Reveal(), false)
			wantUnknown(t, g, key.Reveal())
			if v, err := own.Grow(t.Context(), quota.Question{}, 20); err != nil || v.Refusal != quota.RefusedUnknown {
				t.Errorf("grow: got %+v (%v), want the key unknown", v.Reason, err)
			}
			if got, err := tenant.Get(t.Context(), tenant.Access, key.TokenID); err != nil || got.LeakedTime != tenant.UnixNow() || got.StatusAt(tenant.UnixNow()) != token.Disabled {
				t.Errorf("got leaked at %d, status %d (%v), want now and disabled", got.LeakedTime, got.StatusAt(tenant.UnixNow()), err)
			}
			if _, err := tenant.SetStatus(t.Context(), tenant.Access, key.TokenID, false); !errors.Is(err, token.ErrKeyLeaked) {
				t.Errorf("enable: got error %v, want ErrKeyLeaked", err)
			}
			if _, err := tenant.Update(t.Context(), tenant.Access, key.TokenID, token.Settings{Disabled: new(false), RemainQuota: new(int64(1_000_000))}); err != nil {
				t.Errorf("update: got error %v", err)
			}
			wantUnknown(t, g, key.Reveal())
			if _, err := g.Settle(t.Context(), key.Reveal(), ids[0], 7, price.Use{}); err != nil {
				t.Errorf("settle: got error %v", err)
			}
			made := rotate(t, tenant, key.TokenID)
			if made.LeakedTime != 0 || made.PreviousUntil != 0 || made.StatusAt(tenant.UnixNow()) != token.Enabled {
				t.Errorf("rotated: got leaked at %d, the old key until %d; want neither", made.LeakedTime, made.PreviousUntil)
			}
			wantUnknown(t, g, key.Reveal())
			revoke(t, g, key.Reveal(), false)
			if _, err := g.Settle(t.Context(), key.Reveal(), ids[1], 7, price.Use{}); err != nil {
				t.Errorf("settle after the rotation: got error %v", err)
			}
			if got, err := tenant.Get(t.Context(), tenant.Access, key.TokenID); err != nil || slices.ContainsFunc(got.Holds, func(h token.Hold) bool { return h.ExpiryCharge > 0 }) {
				t.Errorf("after the rotation: got holds %+v (%v), want them free if they expire", got.Holds, err)
			}
			if _, err := g.Release(t.Context(), key.Reveal(), ids[2]); err != nil {
				t.Errorf("release after the rotation: got error %v", err)
			}
			if _, err := own.Settle(t.Context(), 7, price.Use{}); err != nil {
				t.Errorf("settle the own hold: got error %v", err)
			}
			if u, err := g.Usage(t.Context(), made.Key.Reveal(), quota.Origin{}); err != nil || u.Used != 21 || !spend(t, g, made.Key.Reveal(), quota.Question{Quota: 1}) {
				t.Errorf("the new key: got %+v (%v), want 21 used and the key accepted", u, err)
			}
		})
	}
}

// Revoking the previous key of a token ends its grace period and nothing else.
// Revoking the present one leaves the previous one its grace period.
func TestRevokePreviousKey(t *testing.T) {
	t.Parallel()
	kit, tenant, first := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	second := rotate(t, tenant, first.TokenID).Key
	if !spend(t, g, first.Reveal(), quota.Question{Quota: 1}) {
		t.Fatal("the previous key is refused within its grace period")
	}
	revoke(t, g, first.Reveal(), true)
	revoke(t, g, first.Reveal(), false)
	wantUnknown(t, g, first.Reveal())
	if got, err := tenant.Get(t.Context(), tenant.Access, first.TokenID); err != nil || got.LeakedTime != 0 || !spend(t, g, second.Reveal(), quota.Question{Quota: 1}) {
		t.Errorf("the present key: got leaked at %d (%v), or it is refused", got.LeakedTime, err)
	}
	third := rotate(t, tenant, first.TokenID).Key
	revoke(t, g, first.Reveal(), false) // dropped
	revoke(t, g, third.Reveal(), true)
	wantUnknown(t, g, third.Reveal())
	if !spend(t, g, second.Reveal(), quota.Question{Quota: 1}) {
		t.Error("the previous key is refused within its grace period, because the present one was revoked")
	}
	revoke(t, g, second.Reveal(), true)
	wantUnknown(t, g, second.Reveal())
}

// A clock that is behind does not accept a previous key that was revoked after its
// grace period.
func TestRevokePreviousKeyAfterGrace(t *testing.T) {
	t.Parallel()
	kit, tenant, first := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	behind := tenant.Clock.Now()
	rotate(t, tenant, first.TokenID)
	tenant.Clock.Advance(601)
	revoke(t, gate.New(kit.Store, gate.WithClock(tenant.Clock.Now)), first.Reveal(), true)
	wantUnknown(t, gate.New(kit.Store, gate.WithClock(func() time.Time { return behind })), first.Reveal())
}

// A rotation between the read and the write of a revocation makes the key the
// previous one: it is ended as that, and the new key works.
func TestRevokeBesideRotation(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	var next credential.Key
	faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		if op == dynamotest.UpdateItem && nth == 1 {
			next = rotate(t, tenant, key.TokenID).Key
		}
		return dynamotest.NoFault
	}}
	g := gate.New(kit.StoreWith(faults.Configure), gate.WithClock(tenant.Clock.Now))
	revoke(t, g, key.Reveal(), true)
	wantUnknown(t, g, key.Reveal())
	if !spend(t, g, next.Reveal(), quota.Question{Quota: 1}) || faults.Attempts(dynamotest.UpdateItem) < 3 {
		t.Error("the new key is refused, or the rotation did not come in between")
	}
}

// A key that was imported can be revoked, also without sk-, where foreign keys are
// accepted. Its token gets a key of ours by a rotation.
func TestRevokeForeignKey(t *testing.T) {
	t.Parallel()
	const plain = "sk-a1b2c3d4e5f6a7b8c9d0"
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "tenant")
	made, err := usersOf(kit.Store, tenant).ImportTokens(t.Context(), "tenant", []token.ForeignToken{{
		Settings: token.Settings{Name: new("moved"), UnlimitedQuota: new(true)}, From: "newapi",
		Hash: credential.ForeignKey(credential.NewSecret(plain), 0, 0).Hash(), Mask: credential.ForeignMask(plain),
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now), gate.WithForeignKeys(kit.Store))
	if !spend(t, g, plain, quota.Question{Quota: 1}) {
		t.Fatal("the imported key is refused")
	}
	revoke(t, g, plain[len(credential.KeyPrefix):], true)
	revoke(t, g, plain, false)
	wantUnknown(t, g, plain)
	key := rotate(t, tenant, made[0].ID).Key
	wantUnknown(t, g, plain)
	if !spend(t, g, key.Reveal(), quota.Question{Quota: 1}) {
		t.Error("the new key is refused")
	}
}

// What is not the key of a token changes nothing: malformed texts cost nothing, and
// an invented key costs one read and no write.
func TestRevokeUnknownKey(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	calls := new(dynamotest.CallRecorder)
	g := gate.New(kit.StoreWith(calls.Configure), gate.WithClock(tenant.Clock.Now))
	plain := key.Reveal()
	for _, malformed := range []string{"", "x", "sk-", plain[:len(plain)-1], plain + "x", "sk-proj-0123456789abcdefghij", tenant.Access.Reveal()} {
		revoke(t, g, malformed, false)
	}
	if got := calls.Calls(); len(got) != 0 {
		t.Errorf("malformed keys: got calls %v, want none", got)
	}
	for _, invented := range []credential.Key{credential.NewKey(key.UserID, key.TokenID), credential.NewKey(key.UserID, key.TokenID+1), credential.NewKey(99, 1)} {
		revoke(t, g, invented.Reveal(), false)
	}
	if got := calls.Calls(); len(got) != 1 || got[dynamotest.GetItem] != 3 {
		t.Errorf("three invented keys: got calls %v, want a read of each", got)
	}
	if !spend(t, g, plain, quota.Question{Quota: 1}) {
		t.Error("the real key is refused")
	}
}

// Once Revoke has returned, the key is not accepted, however many requests are in
// progress, and while its owner rotates, enables and disables the token. A new key
// is never revoked with the old one.
func TestNoUseAfterRevoke(t *testing.T) {
	t.Parallel()
	kit, tenant, _ := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	for round := range 10 {
		for _, settings := range kindsOfToken() {
			key := newToken(t, tenant, settings)
			g := gate.New(kit.StoreWith(), gate.WithClock(tenant.Clock.Now))
			var revoked atomic.Bool
			var late atomic.Int64
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					for after := false; !after; {
						after = revoked.Load()
						if spend(t, g, key.Reveal(), quota.Question{Quota: 1}) && after {
							late.Add(1)
						}
					}
				})
			}
			var last credential.Key
			all.Go(func() {
				_, _ = tenant.SetStatus(t.Context(), tenant.Access, key.TokenID, true)
				_, _ = tenant.SetStatus(t.Context(), tenant.Access, key.TokenID, false)
				last = rotate(t, tenant, key.TokenID).Key
			})
			all.Go(func() {
				if _, err := gate.New(kit.StoreWith(), gate.WithClock(tenant.Clock.Now)).Revoke(t.Context(), key.Reveal()); err != nil {
					t.Errorf("revoke: got error %v", err)
				}
				revoked.Store(true)
			})
			all.Wait()
			_, _ = tenant.SetStatus(t.Context(), tenant.Access, key.TokenID, false)
			if late.Load() != 0 || !spend(t, g, last.Reveal(), quota.Question{Quota: 1}) {
				t.Errorf("round %d: got %d uses after the revocation, or the new key is refused", round, late.Load())
			}
		}
	}
}

// A revocation whose calls fail or whose answers are lost is carried out by a
// repetition, once, and never said to be done while the key works.
func TestRevokeFaults(t *testing.T) {
	t.Parallel()
	kit, tenant, _ := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	for seed := range 60 {
		key := newToken(t, tenant, token.Settings{UnlimitedQuota: new(true)})
		random := seeded(31, seed)
		faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
			if random.IntN(3) == 0 {
				return dynamotest.NoFault
			}
			return oneOf(random, dynamotest.FaultsOf(op)...)
		}}
		g := gate.New(kit.StoreWith(faults.Configure), gate.WithClock(tenant.Clock.Now))
		var err error
		for range 50 {
			if _, err = g.Revoke(t.Context(), key.Reveal()); err == nil {
				break
			}
			if !errors.Is(err, quota.ErrUnavailable) {
				t.Fatalf("seed %d: got error %v, want ErrUnavailable", seed, err)
			}
		}
		if err != nil {
			t.Fatalf("seed %d: got error %v after 50 attempts", seed, err)
		}
		wantUnknown(t, gate.New(kit.Store, gate.WithClock(tenant.Clock.Now)), key.Reveal())
		if got, err := tenant.Get(t.Context(), tenant.Access, key.TokenID); err != nil || got.Version != 2 {
			t.Errorf("seed %d: got version %d (%v), want one change", seed, got.Version, err)
		}
	}
}

// A reservation that has read a token before its key was revoked does not write
// after that.
func TestRevokeBetweenReadAndWrite(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	if _, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 5}, 0); err != nil {
		t.Fatal(err)
	}
	tenant.Clock.Advance(int64(gate.DefaultTTL.Seconds())) // now a spend first has to end the hold
	faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		if op == dynamotest.UpdateItem && nth == 2 {
			revoke(t, g, key.Reveal(), true)
		}
		return dynamotest.NoFault
	}}
	busy := gate.New(kit.StoreWith(faults.Configure), gate.WithClock(tenant.Clock.Now))
	if spend(t, busy, key.Reveal(), quota.Question{Quota: 1}) || faults.Attempts(dynamotest.UpdateItem) < 3 {
		t.Errorf("got the spend accepted after %d writes, want it refused after 3", faults.Attempts(dynamotest.UpdateItem))
	}
}
