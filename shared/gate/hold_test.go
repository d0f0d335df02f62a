package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// mustHold holds units for a request.
func mustHold(t testing.TB, ctx context.Context, g *gate.Gate, key credential.Key, units int64) *gate.Hold { //nolint:revive // the context is the subject
	t.Helper()
	h, r, err := g.Hold(ctx, key.Reveal(), quota.Question{Quota: units}, 0)
	if err != nil || !r.Valid() || r.Held != units || r.RequestID != "" {
		t.Fatalf("hold %d: got %+v, %v", units, r, err)
	}
	return h
}

// wantBalance checks what a key has used, and that the rest is free.
func wantBalance(t testing.TB, g *gate.Gate, key credential.Key, granted, used int64) {
	t.Helper()
	u, err := g.Usage(t.Context(), key.Reveal(), quota.Origin{})
	if err != nil || u.Granted != granted || u.Used != used || u.Available != granted-used {
		t.Errorf("got %d granted, %d used, %d free, %v; want %d, %d and the rest", u.Granted, u.Used, u.Available, err, granted, used)
	}
}

// records returns how many records the table keeps of a key's requests.
func records(t testing.TB, kit *dynamotest.Kit, key credential.Key) int {
	t.Helper()
	l, err := kit.Store.Lookup(t.Context(), key, dynamotest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	return len(l.Records)
}

// Each request costs two write units and two round trips, also after 200
// requests on the key, and leaves no record.
func TestHoldCosts(t *testing.T) {
	t.Parallel()
	const requests = 200
	for name, c := range map[string]struct {
		settings   token.Settings
		hold, cost int64
	}{
		"costs_less":    {token.Settings{RemainQuota: new(int64(1_000_000))}, 2000, 700},
		"costs_more":    {token.Settings{RemainQuota: new(int64(1_000_000))}, 2000, 2500},
		"nearly_spent":  {token.Settings{RemainQuota: new(int64(requests * 10))}, 10, 10},
		"small_balance": {token.Settings{RemainQuota: new(int64(requests + 2000))}, 2000, 1},
		"unlimited":     {token.Settings{UnlimitedQuota: new(true)}, 2000, 700},
		"released":      {token.Settings{RemainQuota: new(int64(5000))}, 3000, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit, tenant, key := newTenant(t, c.settings)
			g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
			used := int64(0)
			for n := range requests {
				ctx, meter := reqlog.WithMeter(t.Context())
				h := mustHold(t, ctx, g, key, c.hold)
				if c.cost < 0 {
					if err := h.Release(ctx); err != nil {
						t.Fatal(err)
					}
				} else if s, err := h.Settle(ctx, c.cost, price.Use{}); err != nil || s.Charged != c.cost || s.Shortfall != 0 {
					t.Fatalf("settle: got %+v, %v", s, err)
				}
				used += max(0, c.cost)
				if got, want := meter.Cost(), (reqlog.Cost{WriteUnits: 2, RoundTrips: 2}); got != want {
					t.Fatalf("request %d cost %+v, want %+v", n+1, got, want)
				}
			}
			if n := records(t, kit, key); n != 0 {
				t.Errorf("got %d records, want none", n)
			}
			u, err := g.Usage(t.Context(), key.Reveal(), quota.Origin{})
			if err != nil || u.Used != used || !u.Token.UnlimitedQuota && u.Available+u.Used != u.Granted {
				t.Errorf("got usage %+v, %v, want %d used and nothing held", u, err, used)
			}
		})
	}
}

// A settlement or release is applied once and gives the right result, however
// many of its attempts get no answer, and whether or not they were applied. One
// call is enough if one of its attempts gets an answer.
func TestHoldAfterLostAnswers(t *testing.T) {
	t.Parallel()
	const granted, held, release = 100, 40, -1
	failures := []int{1, 2, 3, 4, 7} // a call has up to 3 attempts of each write
	costs := []int64{0, 30, 40, 70, 100, 130, release}
	if testing.Short() {
		failures, costs = []int{1, 4}, []int64{30, 70, 130, release}
	}
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "tenant")
	for _, units := range costs {
		for _, fault := range dynamotest.FaultsOf(dynamotest.UpdateItem) {
			for _, n := range failures {
				t.Run(fmt.Sprintf("%d/%s/%d", units, fault, n), func(t *testing.T) {
					t.Parallel()
					key := newToken(t, tenant, token.Settings{RemainQuota: new(int64(granted))})
					faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
						if op == dynamotest.UpdateItem && nth > 1 && nth <= 1+n { // the first reserves
							return fault
						}
						return dynamotest.NoFault
					}}
					g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint, faults.Configure), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
					h := mustHold(t, t.Context(), g, key, held)
					if units == release {
						calls, err := repeated(func() error { return h.Release(t.Context()) })
						if err != nil || n < 3 && calls > 1 {
							t.Errorf("release: got %v after %d calls", err, calls)
						}
						wantBalance(t, g, key, granted, 0)
						return
					}
					var s quota.Settlement
					calls, err := repeated(func() (err error) {
						s, err = h.Settle(t.Context(), units, price.Use{})
						return err
					})
					if want := min(units, granted); err != nil || n < 3 && calls > 1 || s.Charged != want || s.Shortfall != units-want || s.Remain != granted-want {
						t.Errorf("settle %d: got %+v, %v after %d calls", units, s, err, calls)
					}
					wantBalance(t, g, key, granted, min(units, granted))
					if again, err := h.Settle(t.Context(), units, price.Use{}); err != nil || again.Charged != s.Charged || again.Shortfall != s.Shortfall {
						t.Errorf("settle again: got %+v, %v, want %+v", again, err, s)
					}
				})
			}
		}
	}
}

// repeated repeats a call as a gateway does. It returns how often.
func repeated(call func() error) (calls int, err error) {
	for calls < 20 {
		calls++
		if err = call(); !errors.Is(err, quota.ErrUnavailable) && !errors.Is(err, quota.ErrContention) {
			return calls, err
		}
	}
	return calls, err
}

// A hold that expired can't be settled, and says so, whether or not the table
// still has its record. A settlement that was applied before is not mistaken for
// an expired hold.
func TestHoldExpires(t *testing.T) {
	t.Parallel()
	const granted, held, ttlSeconds = 100, 40, int64(gate.DefaultTTL / 1e9)
	lost := func(fault dynamotest.Fault) *atomic.Value {
		v := new(atomic.Value)
		v.Store(fault)
		return v
	}
	for name, c := range map[string]struct {
		first dynamotest.Fault // of every attempt to settle before the hold expires; NoFault for no attempt
		later int64            // seconds after the expiry
		want  error
		used  int64
		lost  bool // the first attempt after that does not arrive
	}{
		"at_once":               {dynamotest.NoFault, 0, quota.ErrHoldExpired, 0, false},
		"forgotten":             {dynamotest.NoFault, quota.RecordSeconds, quota.ErrHoldExpired, 0, false},
		"attempt_not_applied":   {dynamotest.ErrorBefore, 30, quota.ErrHoldExpired, 0, false},
		"attempt_applied":       {dynamotest.ErrorAfter, 30, nil, 30, false},
		"applied_and_forgotten": {dynamotest.ErrorAfter, quota.RecordSeconds, nil, 30, false},
		"late_and_lost":         {dynamotest.NoFault, quota.RecordSeconds, quota.ErrHoldExpired, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(granted))})
			fault := lost(dynamotest.NoFault)
			var lose atomic.Bool
			faults := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault {
				if lose.CompareAndSwap(true, false) {
					return dynamotest.LostBefore
				}
				return fault.Load().(dynamotest.Fault)
			}}
			g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint, faults.Configure), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			h := mustHold(t, t.Context(), g, key, held)
			if c.first != dynamotest.NoFault {
				fault.Store(c.first)
				if _, err := h.Settle(t.Context(), 30, price.Use{}); !errors.Is(err, quota.ErrUncertain) {
					t.Fatalf("settle: got %v, want ErrUncertain", err)
				}
				fault.Store(dynamotest.NoFault)
			}
			tenant.Clock.Advance(ttlSeconds + c.later)
			for n := range 40 { // other requests expire the hold, and crowd out its record
				r, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{RequestID: fullID(fmt.Sprint(n))}, 0)
				if err != nil || !r.Valid() {
					t.Fatalf("another request: got %q, %v", r.Refusal, err)
				}
				if _, err := g.Release(t.Context(), key.Reveal(), fullID(fmt.Sprint(n))); err != nil {
					t.Fatal(err)
				}
			}
			lose.Store(c.lost)
			if _, err := h.Settle(t.Context(), 30, price.Use{}); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("settle: got %v, want %v", err, c.want)
			}
			wantBalance(t, g, key, granted, c.used)
		})
	}
}

// A hold grows in one write, as far as the key allows it, and once however often
// it is repeated.
func TestHoldGrows(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100)), ModelLimitsEnabled: new(true), Models: []string{"m"}})
	var failures atomic.Int64
	faults := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault {
		if failures.Add(-1) >= 0 {
			return dynamotest.LostAfter
		}
		return dynamotest.NoFault
	}}
	g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint, faults.Configure), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	h := mustHold(t, t.Context(), g, key, 40)
	for _, step := range []struct {
		units   int64
		model   string
		refusal quota.Refusal
		free    int64
		lost    int64
	}{
		{50, "m", "", 50, 0},
		{45, "m", "", 50, 0},
		{60, "m", "", 40, 1},
		{70, "m", "", 30, 2},
		{101, "m", quota.RefusedExhausted, 30, 0},
		{80, "n", quota.RefusedModel, 30, 0},
		{100, "m", "", 0, 0},
	} {
		failures.Store(step.lost)
		ctx, meter := reqlog.WithMeter(t.Context())
		v, err := h.Grow(ctx, quota.Question{Model: step.model}, step.units)
		if err != nil || v.Refusal != step.refusal || v.Remain != step.free {
			t.Errorf("grow to %d: got %q, %d free, %v", step.units, v.Refusal, v.Remain, err)
		}
		if trips := meter.Cost().RoundTrips; step.lost == 0 && step.refusal == "" && trips > 1 {
			t.Errorf("grow to %d took %d round trips, want 1", step.units, trips)
		}
	}
	failures.Store(0)
	if s, err := h.Settle(t.Context(), 95, price.Use{}); err != nil || s.Charged != 95 || s.Shortfall != 0 || s.Remain != 5 {
		t.Errorf("settle: got %+v, %v", s, err)
	}
	wantBalance(t, g, key, 100, 95)
	if v, err := h.Grow(t.Context(), quota.Question{Model: "m"}, 99); !errors.Is(err, quota.ErrHoldExpired) {
		t.Errorf("grow a hold that has ended: got %+v, %v, want ErrHoldExpired", v, err)
	}
	if n := records(t, kit, key); n != 0 {
		t.Errorf("got %d records, want none", n)
	}
}

// 50 concurrent requests at a time, each with its own hold, are each charged
// once, in two round trips.
func TestConcurrentHolds(t *testing.T) {
	t.Parallel()
	const requests = 400
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(10_000_000))})
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	ctx, meter := reqlog.WithMeter(t.Context())
	var all sync.WaitGroup
	var used atomic.Int64
	for client := range quota.MaxOpenHolds {
		all.Go(func() {
			for n := client; n < requests; n += quota.MaxOpenHolds {
				h, r, err := g.Hold(ctx, key.Reveal(), quota.Question{Quota: 1000}, 0)
				if err != nil || !r.Valid() {
					t.Errorf("hold: got %q, %v", r.Refusal, err)
					return
				}
				if _, err := h.Settle(ctx, int64(n), price.Use{}); err != nil {
					t.Errorf("settle: %v", err)
				}
				used.Add(int64(n))
			}
		})
	}
	all.Wait()
	wantBalance(t, g, key, 10_000_000, used.Load())
	if got, want := meter.Cost().RoundTrips, 2*requests; got != want {
		t.Errorf("got %d round trips, want %d", got, want)
	}
	if n := records(t, kit, key); n != 0 {
		t.Errorf("got %d records, want none", n)
	}
}
