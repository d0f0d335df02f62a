package dynamo_test

import (
	"context"
	"strings"
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

// raises returns, by the name of a quota, settings of a token that has the units
// of that, and the name of its window.
func raises(units int64) map[string]struct {
	settings token.Settings
	window   *token.WindowName
} {
	return map[string]struct {
		settings token.Settings
		window   *token.WindowName
	}{
		"lifetime quota": {token.Settings{RemainQuota: &units}, nil},
		"window": {token.Settings{
			UnlimitedQuota: new(true), Windows: []token.Window{{Period: period.Period{Length: "30d"}, Quota: units}},
		}, &token.WindowName{Length: "30d"}},
	}
}

// While a raise runs, each operation is one write. The first after its end
// removes it with one more read or write.
func TestRaisedOperationCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	for name, c := range raises(100_000) {
		t.Run(name, func(t *testing.T) {
			tenant := kit.Tenant(t, strings.ReplaceAll(name, " ", "-"))
			c.settings.Name = new("app")
			made, secret, err := tenant.Create(t.Context(), tenant.Access, c.settings)
			if err != nil {
				t.Fatal(err)
			}
			first := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			second := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			key := secret.Reveal()
			spend := func(g *gate.Gate) func(context.Context) error {
				return func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, quota.Question{Quota: 10})) }
			}
			if err := spend(first)(t.Context()); err != nil { // the window begins
				t.Fatal(err)
			}
			raise := token.RaiseChange{Raise: token.Raise{Units: 100, Until: tenant.UnixNow() + 600}, Window: c.window}
			row{"raise", 2, 2, 1, 3, func(ctx context.Context) error {
				_, err := tenant.Raise(ctx, tenant.Access, made.ID, raise, nil)
				return err
			}}.check(t)
			row{"first spend of the raise", 0, 0, 2, 2, spend(first)}.check(t) // the first write is refused
			row{"first spend of another process", 0, 0, 2, 2, spend(second)}.check(t)
			for _, r := range steadyRows(first, key, 0) {
				r.check(t)
			}
			tenant.Clock.Advance(600)
			row{"check after the end", 1, 1, 0, 1, func(ctx context.Context) error {
				return verdictError(first.Verify(ctx, key, quota.Question{}))
			}}.check(t)
			row{"first spend after the end", 1, 1, 1, 2, spend(first)}.check(t)
			row{"second spend after the end", 0, 0, 1, 1, spend(first)}.check(t)
			checkNothingRaised(t, kit, secret)
		})
	}
}

// checkNothingRaised checks that an operation after the end of a raise has
// removed it, and that a token without other limits is like any other again.
func checkNothingRaised(t *testing.T, kit *dynamotest.Kit, key credential.Key) {
	t.Helper()
	l, err := kit.Store.Lookup(t.Context(), key, dynamotest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	if l.Raise != (token.Raise{}) || len(l.Windows) > 0 && l.Windows[0].Raise != (token.Raise{}) || l.Limited() != (len(l.Windows) > 0) {
		t.Errorf("got %+v and %+v, want no raise", l.Raise, l.Windows)
	}
	// A store that has not seen the token needs one write if it has no limits.
	if len(l.Windows) == 0 {
		g := gate.New(dynamo.New(kit.Client, dynamotest.Table))
		row{"spend of a new process", 0, 0, 1, 1, func(ctx context.Context) error {
			return verdictError(g.Verify(ctx, key.Reveal(), quota.Question{Quota: 1}))
		}}.check(t)
	}
}

// 200 callers in several processes get exactly quota and raise while it runs, and
// exactly the quota afterwards.
func TestConcurrentUseOfRaises(t *testing.T) {
	t.Parallel()
	const callers, processes, units = 200, 4, 10
	for name, c := range raises(305) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "busy")
			c.settings.Name = new("app")
			made, key, err := tenant.Create(t.Context(), tenant.Access, c.settings)
			if err != nil {
				t.Fatal(err)
			}
			gates := make([]*gate.Gate, processes)
			for i := range gates {
				gates[i] = gate.New(dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			}
			raise := token.RaiseChange{Raise: token.Raise{Units: 200, Until: tenant.UnixNow() + 600}, Window: c.window}
			if _, err := tenant.Raise(t.Context(), tenant.Access, made.ID, raise, nil); err != nil {
				t.Fatal(err)
			}
			raised := reserveAll(t, gates, key, callers, units)
			if len(raised) != 50 {
				t.Errorf("raised, %d of %d callers were accepted, want 50", len(raised), callers)
			}
			for _, h := range raised[:40] { // the others stay open when the raise ends
				if err := h.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
			tenant.Clock.Advance(600)
			after := reserveAll(t, gates, key, callers, units)
			if len(after) != 20 { // 305 less the 100 that are held
				t.Errorf("after the end, %d of %d callers were accepted, want 20", len(after), callers)
			}
			for _, h := range append(after, raised[40:]...) {
				if err := h.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if got := len(reserveAll(t, gates, key, callers, units)); got != 30 {
				t.Errorf("at last, %d of %d callers were accepted, want 30", got, callers)
			}
		})
	}
}

// reserveAll lets callers reserve units, and returns the holds of those that are
// accepted.
func reserveAll(t *testing.T, gates []*gate.Gate, key credential.Key, callers int, units int64) []*gate.Hold {
	var mu sync.Mutex
	var holds []*gate.Hold
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			if h := reserveUntilAnswered(t, gates[i%len(gates)], key, units); h != nil {
				mu.Lock()
				holds = append(holds, h)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return holds
}

// An update that depends on the free units counts none of a raise that has ended.
func TestUpdateAfterRaise(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	for name, c := range map[string]struct {
		update token.Settings
		err    error
		free   int64
	}{
		"set":               {token.Settings{RemainQuota: new(int64(70))}, nil, 70},
		"subtract":          {token.Settings{QuotaDelta: new(int64(-20))}, nil, 10},
		"subtract too much": {token.Settings{QuotaDelta: new(int64(-31))}, token.ErrQuotaBelowZero, 30},
		"add":               {token.Settings{QuotaDelta: new(int64(5))}, nil, 35},
		"unlimited":         {token.Settings{UnlimitedQuota: new(true)}, nil, 30},
		"rename":            {token.Settings{Name: new("other")}, nil, 30},
		"windows":           {token.Settings{Windows: []token.Window{{Period: period.Period{Length: "day"}, Quota: 1}}}, nil, 30},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := kit.Tenant(t, strings.ReplaceAll(name, " ", "-"))
			made, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("app"), RemainQuota: new(int64(100))})
			if err != nil {
				t.Fatal(err)
			}
			raise := token.RaiseChange{Raise: token.Raise{Units: 50, Until: tenant.UnixNow() + 600}}
			if _, err := tenant.Raise(t.Context(), tenant.Access, made.ID, raise, nil); err != nil {
				t.Fatal(err)
			}
			g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			if err := verdictError(g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 70})); err != nil {
				t.Fatal(err)
			}
			tenant.Clock.Advance(600)
			_, err = tenant.Update(t.Context(), tenant.Access, made.ID, c.update)
			if err != c.err { //nolint:errorlint // the test wants this very error
				t.Fatalf("got %v, want %v", err, c.err)
			}
			got, err := tenant.Get(t.Context(), tenant.Access, made.ID)
			if free := got.FreeAt(tenant.UnixNow()); err != nil || free != c.free {
				t.Errorf("got %d free (%v), want %d", free, err, c.free)
			}
		})
	}
}

// A token that only a raise would make usable is not enabled after its end.
func TestEnableAfterRaise(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "enable")
	made, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("app"), Disabled: new(true), RemainQuota: new(int64(0))})
	if err != nil {
		t.Fatal(err)
	}
	raise := token.RaiseChange{Raise: token.Raise{Units: 50, Until: tenant.UnixNow() + 600}}
	if _, err := tenant.Raise(t.Context(), tenant.Access, made.ID, raise, nil); err != nil {
		t.Fatal(err)
	}
	tenant.Clock.Advance(600)
	if _, err := tenant.SetStatus(t.Context(), tenant.Access, made.ID, false); err != token.ErrExhausted { //nolint:errorlint // the test wants this very error
		t.Errorf("enabled after the raise: got %v, want %v", err, token.ErrExhausted)
	}
}

// Raises that are set at the same time, while units are used and windows begin,
// replace each other: at the end one of them counts, and nothing is lost.
func TestConcurrentRaises(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	for name, c := range raises(10_000) {
		t.Run(name, func(t *testing.T) {
			tenant := kit.Tenant(t, strings.ReplaceAll(name, " ", "-"))
			c.settings.Name = new("app")
			made, key, err := tenant.Create(t.Context(), tenant.Access, c.settings)
			if err != nil {
				t.Fatal(err)
			}
			g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
			const rounds, atOnce = 20, 4
			for round := range rounds {
				until := tenant.UnixNow() + 600
				var all sync.WaitGroup
				for i := range atOnce {
					all.Go(func() {
						raise := token.RaiseChange{Raise: token.Raise{Units: int64(round*atOnce + i), Until: until}, Window: c.window}
						if _, err := tenant.Raise(t.Context(), tenant.Access, made.ID, raise, nil); err != nil && !quotaIsBusy(err) {
							t.Error(err)
						}
					})
					all.Go(func() {
						if h := reserveUntilAnswered(t, g, key, 3); h == nil {
							t.Error("refused")
						} else if _, err := h.Settle(t.Context(), 1, price.Use{}); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				if round%2 == 0 {
					tenant.Clock.Advance(600) // ends the raise, so that the next round begins by removing it
				}
			}
			used := int64(rounds * atOnce)
			checkRaised(t, tenant, made.ID, 10_000-used)
		})
	}
}

// checkRaised checks the units that remain of a token's only quota, while it is
// raised and afterwards.
func checkRaised(t *testing.T, tenant *dynamotest.Tenant, id, want int64) {
	t.Helper()
	tok, err := tenant.Get(t.Context(), tenant.Access, id)
	if err != nil {
		t.Fatal(err)
	}
	raise, remaining := tok.Raise, tok.FreeAt
	if tok.UnlimitedQuota {
		raise = tok.Windows[0].Raise
		remaining = func(now int64) int64 { return tok.WindowUse(tok.Windows[0], now).Remaining }
	}
	now := tenant.UnixNow()
	if raise.Units == 0 || raise.Until <= now {
		t.Errorf("got the raise %+v, want one that goes on", raise)
	}
	if got := remaining(now) - raise.Units; got != want {
		t.Errorf("raised by %d, %d remain of the quota, want %d", raise.Units, got, want)
	}
	if got := remaining(raise.Until); got != want {
		t.Errorf("after the raise %d remain, want %d", got, want)
	}
}
