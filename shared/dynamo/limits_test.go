package dynamo_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// limitedTokens are settings by the limits that they have.
func limitedTokens() map[string]token.Settings {
	window := func(length string) token.Window {
		return token.Window{Period: period.Period{Length: length}, Quota: 100_000}
	}
	three := []token.Window{window("5h"), window("week"), window("month")}
	return map[string]token.Settings{
		"three windows": {Windows: three},
		"rates":         {RequestsPerMinute: new(int64(1_000)), UnitsPerMinute: new(int64(100_000)), MaxConcurrent: new(int64(20))},
		"everything": {
			Windows: three, ModelQuotas: []token.ModelQuota{{Model: "gpt-*", Quota: 100_000}},
			RequestsPerMinute: new(int64(1_000)), UnitsPerMinute: new(int64(100_000)), MaxConcurrent: new(int64(20)),
		},
	}
}

// Once a process has seen a token, each operation on it is one write, whatever
// limits it has.
func TestLimitedOperationCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "limited")
	for name, u := range limitedTokens() {
		t.Run(name, func(t *testing.T) {
			u.Name, u.RemainQuota = new("app"), new(int64(1_000_000))
			_, made, err := tenant.Create(t.Context(), tenant.Access, u)
			if err != nil {
				t.Fatal(err)
			}
			g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			if err := verdictError(g.Verify(t.Context(), made.Reveal(), quota.Question{Model: "gpt-5", Quota: 10})); err != nil { // the windows begin
				t.Fatal(err)
			}
			for _, r := range steadyRows(g, made.Reveal(), settleReads(u)) {
				r.check(t)
			}
		})
	}
}

// steadyRows are the operations on a token that the process has seen.
func steadyRows(g *gate.Gate, key string, settleReads float64) []row {
	q := quota.Question{Model: "gpt-5", Quota: 10}
	spend := func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, q)) }
	var hold *gate.Hold
	reserve := func(ctx context.Context) error {
		h, r, err := g.Hold(ctx, key, q, 0)
		hold = h
		return verdictError(r.Verdict, err)
	}
	var held quota.Reservation
	return []row{
		{"check", 1, 1, 0, 1, func(ctx context.Context) error {
			return verdictError(g.Verify(ctx, key, quota.Question{Model: "gpt-5"}))
		}},
		{"spend", 0, 0, 1, 1, spend},
		{"spend again", 0, 0, 1, 1, spend},
		{"own hold", 0, 0, 1, 1, reserve},
		{"grow", 0, 0, 1, 1, func(ctx context.Context) error {
			return verdictError(hold.Grow(ctx, quota.Question{Model: "gpt-5"}, 30))
		}},
		{"settle for less", 0, 0, 1, 1, func(ctx context.Context) error { _, err := hold.Settle(ctx, 7, price.Use{}); return err }},
		{"another own hold", 0, 0, 1, 1, reserve},
		{"settle for more", 0, 0, 1, 1, func(ctx context.Context) error { _, err := hold.Settle(ctx, 25, price.Use{}); return err }},
		{"reserve", 0, 0, 1, 1, func(ctx context.Context) error {
			var err error
			held, err = g.Reserve(ctx, key, q, 0)
			return verdictError(held.Verdict, err)
		}},
		{"release", settleReads, settleReads, 1, 1 + int(settleReads), func(ctx context.Context) error { _, err := g.Release(ctx, key, held.RequestID); return err }},
	}
}

// settleReads returns the read units of a settlement by HTTP: with model quotas
// it has to read which of them the hold counts in.
func settleReads(u token.Settings) float64 {
	if len(u.ModelQuotas) > 0 {
		return 1
	}
	return 0
}

// 200 callers in several processes never get more than a limit allows.
func TestConcurrentUseOfLimits(t *testing.T) {
	t.Parallel()
	const callers, processes, units = 200, 4, 10
	for name, c := range map[string]struct {
		u    token.Settings
		want int // how many callers are accepted
	}{
		"window":      {token.Settings{Windows: []token.Window{{Period: period.Period{Length: "5h"}, Quota: 505}}}, 50},
		"model quota": {token.Settings{ModelQuotas: []token.ModelQuota{{Model: "gpt-*", Quota: 505}}}, 50},
		"requests":    {token.Settings{RequestsPerMinute: new(int64(30))}, 30},
		"units":       {token.Settings{UnitsPerMinute: new(int64(305))}, 30},
		"concurrent":  {token.Settings{MaxConcurrent: new(int64(20))}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "busy")
			c.u.Name, c.u.UnlimitedQuota = new("app"), new(true)
			_, key, err := tenant.Create(t.Context(), tenant.Access, c.u)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var holds []*gate.Hold
			var all sync.WaitGroup
			for range processes {
				g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
				for range callers / processes {
					all.Go(func() {
						h := reserveUntilAnswered(t, g, key, units)
						if h != nil {
							mu.Lock()
							holds = append(holds, h)
							mu.Unlock()
						}
					})
				}
			}
			all.Wait()
			if len(holds) != c.want {
				t.Errorf("%d of %d callers were accepted, want %d", len(holds), callers, c.want)
			}
			for _, h := range holds {
				if err := h.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
			checkAllFree(t, kit, key)
		})
	}
}

// reserveUntilAnswered reserves units, and tries again if the table is too busy.
// It returns nil if the key is refused.
func reserveUntilAnswered(t *testing.T, g *gate.Gate, key credential.Key, units int64) *gate.Hold {
	for {
		h, r, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Model: "gpt-5", Quota: units}, 0)
		switch {
		case err == nil && r.Valid():
			return h
		case err == nil && (r.Refusal == quota.RefusedExhausted || r.Refusal == quota.RefusedRate):
			return nil
		case err != nil && quotaIsBusy(err):
		default:
			t.Errorf("got %+v, %v", r.Reason, err)
			return nil
		}
	}
}

// checkAllFree checks that nothing of a token is used or held.
func checkAllFree(t *testing.T, kit *dynamotest.Kit, key credential.Key) {
	t.Helper()
	l, err := kit.Store.Lookup(t.Context(), key, dynamotest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Holds) != 0 || l.UsedQuota != 0 {
		t.Errorf("got %d holds, %d used, want none", len(l.Holds), l.UsedQuota)
	}
	for _, w := range l.Windows {
		if w.Left != w.Quota {
			t.Errorf("window %s has %d left, want %d", w.Length, w.Left, w.Quota)
		}
	}
	for _, q := range l.ModelQuotas {
		if q.Left != q.Quota {
			t.Errorf("model quota %s has %d left, want %d", q.Model, q.Left, q.Quota)
		}
	}
}

// A change of limits while units are used loses none of them: what was used of a
// window that stays is counted in it.
func TestChangeOfLimits(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "changing")
	windows := func(day int64) token.Settings {
		return token.Settings{Windows: []token.Window{
			{Period: period.Period{Length: "1m"}, Quota: 1_000_000}, {Period: period.Period{Length: "30d"}, Quota: day},
		}}
	}
	u := windows(1_000)
	u.Name, u.UnlimitedQuota = new("app"), new(true)
	made, key, err := tenant.Create(t.Context(), tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	const rounds, spenders, changes = 30, 4, 4
	for round := range rounds {
		var all sync.WaitGroup
		for range spenders {
			all.Go(func() {
				h := reserveUntilAnswered(t, g, key, 3)
				if h == nil {
					t.Error("refused")
				} else if _, err := h.Settle(t.Context(), 1, price.Use{}); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range changes {
			all.Go(func() {
				if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, windows(1_000+int64(round*changes+i))); err != nil && !quotaIsBusy(err) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		tenant.Clock.Advance(61) // the first window ends, so the next use begins another
	}
	tok, err := tenant.Get(t.Context(), tenant.Access, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	use := tok.WindowUse(tok.Windows[1], tenant.Clock.Now().Unix())
	if want := int64(rounds * spenders); use.Used != want || tok.UsedQuota != want {
		t.Errorf("the window has %d used of %d, the token %d, want %d", use.Used, tok.Windows[1].Quota, tok.UsedQuota, want)
	}
}

// quotaIsBusy reports whether an error says to try again.
func quotaIsBusy(err error) bool {
	return errors.Is(err, quota.ErrContention) || errors.Is(err, quota.ErrUnavailable)
}

// A rate of units that is removed and set again while a hold is open does not get
// the hold's units back, and a process that saw the token before knows it.
func TestRateSetAgain(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "changing")
	rate := func(perMinute int64) token.Settings { return token.Settings{UnitsPerMinute: &perMinute} }
	u := rate(100)
	u.Name, u.UnlimitedQuota = new("app"), new(true)
	made, key, err := tenant.Create(t.Context(), tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	const open = 3
	var holds []*gate.Hold
	for range open {
		holds = append(holds, reserveUntilAnswered(t, g, key, 30))
	}
	for _, perMinute := range []int64{0, 100} {
		if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, rate(perMinute)); err != nil {
			t.Fatal(err)
		}
	}
	tenant.Clock.Advance(1)
	spend := func(units int64) quota.Verdict {
		v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: units})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := spend(100); !v.Valid() {
		t.Fatalf("a whole burst: got %+v, want it allowed", v.Reason)
	}
	for _, h := range holds {
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if v := spend(1); v.Scope != quota.ScopeUnits {
		t.Errorf("one more unit: got %+v, want it refused", v.Reason)
	}
}
