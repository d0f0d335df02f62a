package dynamo_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// rotated makes a tenant with a token of 100 units whose first key is in its
// grace period. It returns both keys.
func rotated(t *testing.T) (*dynamotest.Kit, *dynamotest.Tenant, *gate.Gate, [2]string) {
	t.Helper()
	kit := newKit(t)
	tenant := kit.Tenant(t, "rotating")
	_, first, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(100))})
	if err != nil {
		t.Fatal(err)
	}
	rotation, err := tenant.NewKeyRotation(t.Context(), tenant.Access, 1, 60)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Rotate(t.Context(), tenant.Access, 1, rotation); err != nil {
		t.Fatal(err)
	}
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	return kit, tenant, g, [2]string{first.Reveal(), rotation.Key.Reveal()}
}

// A deletion revokes the current and the previous key in its first step.
func TestDeleteRevokesBothKeys(t *testing.T) {
	t.Parallel()
	kit, tenant, g, keys := rotated(t)
	for _, key := range keys {
		if err := verdictError(g.Verify(t.Context(), key, quota.Question{Quota: 1})); err != nil {
			t.Errorf("before the deletion: %v", err)
		}
	}
	// A crash after the first of the two steps of a deletion.
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == dynamotest.TransactWriteItems {
			return dynamotest.LostBefore
		}
		return dynamotest.NoFault
	}}
	_ = tenant.WithStore(kit.StoreWith(faults.Configure)).Delete(t.Context(), tenant.Access, 1)
	for _, key := range keys {
		for _, units := range []int64{0, 1} {
			if err := verdictError(g.Verify(t.Context(), key, quota.Question{Quota: units})); !errors.Is(err, quota.RefusedUnknown.Err()) {
				t.Errorf("after the deletion: got error %v, want the key unknown", err)
			}
		}
	}
}

// The previous key is refused after its grace period, but still ends its holds.
func TestPreviousKeyExpires(t *testing.T) {
	t.Parallel()
	_, tenant, g, keys := rotated(t)
	question := quota.Question{Quota: 5, RequestID: "held-0123456789abcdefghijk"}
	if r, err := g.Reserve(t.Context(), keys[0], question, gate.MaxTTL); err != nil || !r.Valid() {
		t.Fatalf("reserve in the grace period: %v, %v", r.Refusal, err)
	}
	for _, row := range []struct {
		step int64
		want error
	}{{59, nil}, {1, quota.RefusedUnknown.Err()}} {
		tenant.Clock.Advance(row.step)
		for _, q := range []quota.Question{{}, {Quota: 1}, {Quota: 1, RequestID: "once-0123456789abcdefghijk"}} {
			if err := verdictError(g.Verify(t.Context(), keys[0], q)); !errors.Is(err, row.want) {
				t.Errorf("%+v: got error %v, want %v", q, err, row.want)
			}
		}
		if got, err := tenant.Get(t.Context(), tenant.Access, 1); err != nil || got.PreviousMask == "" {
			t.Errorf("got previous mask %q, %v", got.PreviousMask, err)
		}
	}
	if s, err := g.Settle(t.Context(), keys[0], "held-0123456789abcdefghijk", 4, price.Use{}); err != nil || s.Charged != 4 {
		t.Errorf("settle with the previous key: %+v, %v", s, err)
	}
}

// A rotation for a version is applied once, however often it is sent, also if it
// finds an open hold.
func TestRotationIsAppliedOnce(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]bool{"without holds": false, "beside a hold": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, tenant, g, keys := rotated(t)
			if held {
				if _, r, err := g.Hold(t.Context(), keys[1], quota.Question{Quota: 5}, gate.MaxTTL); err != nil || !r.Valid() {
					t.Fatalf("hold: %v, %v", r.Refusal, err)
				}
			}
			rotation, err := tenant.NewKeyRotation(t.Context(), tenant.Access, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			rotation.Version = 2
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if made, err := tenant.Rotate(t.Context(), tenant.Access, 1, rotation); err != nil || made.Version != 3 || made.KeyHash != rotation.Key.Hash() {
						t.Errorf("got version %d, %v, want 3 and the rotation's key", made.Version, err)
					}
				})
			}
			all.Wait()
			rotation.Key = credential.NewKey(rotation.Key.UserID, 1)
			if _, err := tenant.Rotate(t.Context(), tenant.Access, 1, rotation); !errors.Is(err, token.ErrVersionMismatch) {
				t.Errorf("another rotation for that version: got error %v, want ErrVersionMismatch", err)
			}
		})
	}
}

// Concurrent quota deltas and spends add up, and the quota never gets negative.
func TestConcurrentDeltasAndSpends(t *testing.T) {
	t.Parallel()
	_, tenant, g, keys := rotated(t)
	var sum, below atomic.Int64
	sum.Store(100)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			delta := []int64{7, -9, -1}[i%3]
			if i%3 == 2 {
				switch v, err := g.Verify(t.Context(), keys[i%2], quota.Question{Quota: 1}); {
				case errors.Is(err, quota.ErrContention): // nothing was spent
				case err != nil:
					t.Errorf("spend: %v", err)
				case v.Valid():
					sum.Add(delta)
				}
				return
			}
			switch _, err := tenant.Update(t.Context(), tenant.Access, 1, token.Settings{QuotaDelta: &delta}); {
			case err == nil:
				sum.Add(delta)
			case errors.Is(err, token.ErrQuotaBelowZero):
				below.Add(1)
			default:
				t.Errorf("delta %d: %v", delta, err)
			}
		})
	}
	all.Wait()
	got, err := tenant.Get(t.Context(), tenant.Access, 1)
	if err != nil || got.RemainQuota != sum.Load() || got.RemainQuota < 0 || below.Load() == 0 {
		t.Errorf("got %d units, %v, want %d; refused for lack of quota: %d", got.RemainQuota, err, sum.Load(), below.Load())
	}
}
