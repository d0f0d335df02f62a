package dynamo_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// When its period ends, a wallet has the whole budget again, and blocks that
// were drawn before are void.
func TestWalletRenews(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "renew")
	p.budget(t, &token.Budget{Units: 100, Period: period.Period{Length: "1h"}})
	keys := p.create(t, 2)
	g, other := p.gate(), p.gate()
	for i := range int64(5) {
		first, err := spend(t.Context(), g, keys[0], 60)
		if err != nil || !first.Valid() {
			t.Fatalf("hour %d: got %+v, %v", i, first.Reason, err)
		}
		hold, r, err := other.Hold(t.Context(), keys[1].Reveal(), quota.Question{Quota: 30}, gate.MaxTTL)
		if err != nil || !r.Valid() {
			t.Fatalf("hour %d: got %+v, %v", i, r.Reason, err)
		}
		v, err := spend(t.Context(), g, keys[1], 60)
		if err != nil || v.Valid() || v.ResetsAt != dynamotest.Epoch+i*3_601+3_600 {
			t.Fatalf("hour %d: got %+v, %v, want a refusal until the end of the hour", i, v.Reason, err)
		}
		if h := p.holdings(t); h.Used != 60 || h.Held != 30 || h.Left+h.Free != 10 {
			t.Errorf("hour %d: got %+v", i, h)
		}
		p.Clock.Advance(3_599)
		if got, err := hold.Settle(t.Context(), 25, price.Use{}); err != nil || got.Charged != 25 {
			t.Errorf("hour %d: got %+v, %v", i, got, err)
		}
		p.Clock.Advance(2)
	}
}

// What a token has left of a block is void in the next period.
func TestOldBlockIsVoid(t *testing.T) {
	t.Parallel()
	const budget = 6_400
	p := newPurse(t, newKit(t), "void")
	p.budget(t, &token.Budget{Units: budget, Period: period.Period{Length: period.Hour}})
	keys := p.create(t, 2)
	g := p.gate()
	allowed := func(i int, n int64, want bool) {
		t.Helper()
		if v, err := spend(t.Context(), g, keys[i], n); err != nil || v.Valid() != want {
			t.Errorf("token %d, %d units: got %+v, %v, want allowed: %v", i, n, v.Reason, err, want)
		}
	}
	allowed(0, 1, true)
	if h := p.holdings(t); h.Free == 0 {
		t.Fatalf("got %+v, want a block with free units", h)
	}
	p.Clock.Advance(3_600)
	allowed(1, budget, true)
	allowed(0, 1, false)
	p.holdings(t)
}

// Many processes renew a wallet at once, and it has its budget once.
func TestRenewalByManyProcesses(t *testing.T) {
	t.Parallel()
	const processes, budget, rounds = 8, 80, 10
	p := newPurse(t, newKit(t), "renewals")
	p.budget(t, &token.Budget{Units: budget, Period: period.Period{Length: period.Hour}})
	keys := p.create(t, processes)
	gates := make([]*gate.Gate, processes)
	for i := range gates {
		gates[i] = p.gate()
	}
	for range rounds {
		var charged atomic.Int64
		var all sync.WaitGroup
		for i, g := range gates {
			all.Go(func() {
				for range 2 * budget / processes {
					v, err := spend(t.Context(), g, keys[i], 1)
					if err != nil {
						t.Error(err)
					} else if v.Valid() {
						charged.Add(1)
					}
				}
			})
		}
		all.Wait()
		if charged.Load() != budget {
			t.Errorf("%d of %d units were charged in an hour", charged.Load(), budget)
		}
		p.holdings(t)
		p.Clock.Advance(3_600)
	}
}

// A settlement in the next period charges the held units to the period of the
// hold, and more only as far as the new period has units.
func TestLateSettlement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ budget, others, charged int64 }{
		"the new period has 10 units": {10, 0, 18},
		"it has 3":                    {10, 7, 11},
		"it has none":                 {10, 10, 8},
		"it has none, and the token had a large block": {6_400, 6_400, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPurse(t, newKit(t), "late")
			p.budget(t, &token.Budget{Units: c.budget, Period: period.Period{Length: period.Hour}})
			keys := p.create(t, 2)
			g := p.gate()
			h, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 8}, gate.MaxTTL)
			if err != nil || !r.Valid() {
				t.Fatalf("got %+v, %v", r.Reason, err)
			}
			p.Clock.Advance(3_599)
			if c.others > 0 {
				p.mustSpend(t, g, keys[1], c.others)
			}
			if got, err := h.Settle(t.Context(), 30, price.Use{}); err != nil || got.Charged != c.charged || got.Shortfall != 30-c.charged {
				t.Errorf("got %+v, %v, want %d units charged", got, err, c.charged)
			}
			if h := p.holdings(t); h.Used != c.others+c.charged-8 {
				t.Errorf("got %+v", h)
			}
		})
	}
}
