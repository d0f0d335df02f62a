package gate_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A hold is renewed as long as its key may be used, and what it is charged when it expires
// only grows, also for a key that may not.
func TestRenewAndAssure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  token.Settings
		refusal quota.Refusal
	}{
		"usable":    {},
		"exhausted": {change: token.Settings{RemainQuota: new(int64(0))}},
		"disabled":  {token.Settings{Disabled: new(true)}, quota.RefusedDisabled},
		"model":     {token.Settings{ModelLimitsEnabled: new(true), Models: []string{"other"}}, quota.RefusedModel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
			g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
			h, _, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Model: "m", Quota: 40, ExpiryCharge: 5}, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tenant.Update(t.Context(), tenant.Access, key.TokenID, c.change); err != nil {
				t.Fatal(err)
			}
			tenant.Clock.Advance(30)
			for _, charge := range []int64{20, 10} {
				if v, err := h.Grow(t.Context(), quota.Question{Model: "m", ExpiryCharge: charge}, 40); err != nil || !v.Valid() || h.ExpiryCharge() != 20 {
					t.Errorf("charge %d on expiry: got %q, %v, and %d", charge, v.Refusal, err, h.ExpiryCharge())
				}
			}
			until := tenant.UnixNow() + 30
			if c.refusal == "" {
				until += 30
			}
			if v, err := h.Renew(t.Context()); err != nil || v.Refusal != c.refusal || h.ExpiresAt() != until {
				t.Errorf("renew: got %q, %v, until %d, want %q until %d", v.Refusal, err, h.ExpiresAt(), c.refusal, until)
			}
			got, err := tenant.Get(t.Context(), tenant.Access, key.TokenID)
			if err != nil || len(got.Holds) != 1 || got.Holds[0].ExpiresAt != until || got.Holds[0].ExpiryCharge != 20 {
				t.Errorf("got %+v, %v, want a hold until %d that is charged 20", got.Holds, err, until)
			}
			used := got.UsedAt(until)
			tenant.Clock.Advance(60)
			var charged quota.HoldChargedError
			if _, err := h.Settle(t.Context(), 7, price.Use{}); !errors.As(err, &charged) || charged.Units != 20 || used != 20 {
				t.Errorf("after its time: got %v and %d used, want an error about 20", err, used)
			}
		})
	}
}

// A hold that has expired stays so for its maker, also if it was renewed meanwhile with an
// unknown outcome and the table has forgotten it: what was not charged is not said to be.
func TestExpiryIsRemembered(t *testing.T) {
	t.Parallel()
	var fails atomic.Int64
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == dynamotest.UpdateItem && fails.Add(-1) >= 0 {
			return dynamotest.ErrorBefore
		}
		return dynamotest.NoFault
	}}
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(10_000))})
	g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint, faults.Configure), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	h, _, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 1000, ExpiryCharge: 500}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	tenant.Clock.Advance(2400)
	fails.Store(10)
	if _, err := h.Renew(t.Context()); !errors.Is(err, quota.ErrUncertain) {
		t.Fatalf("renew without an answer: got %v", err)
	}
	tenant.Clock.Advance(2200)
	fails.Store(0)
	if _, err := h.Renew(t.Context()); !errors.Is(err, quota.ErrHoldCharged) {
		t.Fatalf("renew after its time: got %v", err)
	}
	other := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	tenant.Clock.Advance(900)
	if v, err := other.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 1}); err != nil || !v.Valid() {
		t.Fatal(v, err)
	}
	fails.Store(1)
	var charged quota.HoldChargedError
	if s, err := h.Settle(t.Context(), 900, price.Use{}); !errors.As(err, &charged) || charged.Units != 500 {
		t.Errorf("settle: got %+v, %v, want an error about 500 units", s, err)
	}
	wantBalance(t, other, key, 10_000, 501)
}

// Keep renews a hold until it ends, also if an attempt fails.
func TestKeep(t *testing.T) {
	t.Parallel()
	kit, _, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		if op == dynamotest.UpdateItem && nth == 2 { // not the reservation, but the first renewal
			return dynamotest.ErrorBefore
		}
		return dynamotest.NoFault
	}}
	g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint, faults.Configure), dynamotest.Table))
	h, _, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 40}, 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	first := h.ExpiresAt()
	h.Keep()
	for deadline := time.Now().Add(time.Minute); h.ExpiresAt() < first+4 && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	if err := h.Release(t.Context()); err != nil {
		t.Errorf("release after twice its time: %v", err)
	}
	ended := faults.Attempts(dynamotest.UpdateItem)
	time.Sleep(3 * time.Second) // the next renewal would have come
	if n := faults.Attempts(dynamotest.UpdateItem); n != ended {
		t.Errorf("%d writes after the end of the hold", n-ended)
	}
}
