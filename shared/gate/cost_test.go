package gate_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A price costs a read of the table once in a minute, also if there is no table,
// and a read of the token only if the table has groups.
func TestQuote(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file         string
		want         price.Quote
		first, later int64 // round trips
	}{
		"without_table":  {"", price.Quote{Units: 30}, 1, 0},
		"without_groups": {`{"models":{"m":{"input":"2","output":"4"}}}`, price.Quote{Units: 40, NanoDollars: 80_000, Revision: 1}, 1, 0},
		"with_groups":    {`{"groups":{"vip":"0.5"},"models":{"m":{"input":"2","output":"4"}}}`, price.Quote{Units: 20, NanoDollars: 40_000, Revision: 1}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := dynamotest.New(t)
			if c.file != "" {
				if _, err := kit.Store.SetPriceFile(t.Context(), []byte(c.file), 0); err != nil {
					t.Fatal(err)
				}
			}
			tenant := kit.Tenant(t, "payer")
			users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
			if _, err := users.SetGroups(t.Context(), "payer", []string{"vip"}); err != nil {
				t.Fatal(err)
			}
			_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("app"), Group: new("vip")})
			if err != nil {
				t.Fatal(err)
			}
			g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
			quote := func() int64 {
				ctx, meter := reqlog.WithMeter(t.Context())
				got, err := g.Quote(ctx, key.Reveal(), "m", price.Usage{InputTokens: 20, OutputTokens: 10})
				if got != c.want || err != nil {
					t.Errorf("got %+v, %v, want %+v", got, err, c.want)
				}
				return int64(meter.Cost().RoundTrips)
			}
			for i, want := range []int64{c.first, c.later, c.later} {
				if got := quote(); got != want {
					t.Errorf("call %d: got %d round trips, want %d", i+1, got, want)
				}
			}
			tenant.Clock.Advance(int64(price.MaxAge / time.Second))
			if got := quote(); got != c.first {
				t.Errorf("after a minute: got %d round trips, want %d", got, c.first)
			}
		})
	}
}

// An unknown key takes precedence over a missing price, and without the table
// nothing has a price.
func TestQuoteErrors(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	if _, err := kit.Store.SetPriceFile(t.Context(), []byte(`{"models":{"m":{"input":"2"}}}`), 0); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "payer")
	made, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("app")})
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	faults := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault {
		if broken.Load() {
			return dynamotest.FaultsOf("GetItem")[0]
		}
		return ""
	}}
	store := kit.StoreWith(faults.Configure)
	g := gate.New(store, gate.WithClock(tenant.Clock.Now))
	want := func(key, model string, want error) {
		t.Helper()
		if got, err := g.Quote(t.Context(), key, model, price.Usage{InputTokens: 1}); !errors.Is(err, want) || got != (price.Quote{}) && err != nil {
			t.Errorf("%s: got %+v, %v, want %v", model, got, err, want)
		}
	}
	want(key.Reveal(), "m", nil)
	want(key.Reveal(), "x", price.ErrNotPriced)
	want("sk-malformed", "m", quota.ErrKeyUnknown)
	if err := tenant.Delete(t.Context(), tenant.Access, made.ID); err != nil {
		t.Fatal(err)
	}
	want(key.Reveal(), "x", quota.ErrKeyUnknown)

	broken.Store(true)
	want(key.Reveal(), "m", nil) // the table is still young
	tenant.Clock.Advance(int64(price.MaxAge / time.Second))
	if _, err := g.Cost(context.WithoutCancel(t.Context()), "", "m", price.Usage{InputTokens: 1}); !errors.Is(err, quota.ErrUnavailable) {
		t.Errorf("old table: got error %v, want ErrUnavailable", err)
	}
}
