package dynamo_test

import (
	"maps"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestFold charges a token in each way, and folds the stream twice, as a whole and
// in batches of one record. What the history has is what was charged.
func TestFold(t *testing.T) {
	t.Parallel()
	f := newFolded(t)
	key, g := f.key, gate.New(f.kit.Store, gate.WithClock(f.tenant.Clock.Now))
	use := func(model string, input int64, nanos int64) price.Use {
		return price.Use{Model: model, Usage: price.Usage{InputTokens: input}, NanoDollars: nanos}
	}
	for _, q := range []quota.Question{
		{Model: "a", Quota: 10, Use: use("", 7, 3)},
		{Model: "b", Quota: 20},
		{Quota: 30, RequestID: "spend-0123456789abcdefghijk"},
		{Quota: 30, RequestID: "spend-0123456789abcdefghijk"}, // charged once
	} {
		if v, err := g.Verify(t.Context(), key, q); err != nil || !v.Valid() {
			t.Fatalf("got %+v, %v", v, err)
		}
	}
	r, err := g.Reserve(t.Context(), key, quota.Question{Model: "a", Quota: 50}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Settle(t.Context(), key, r.RequestID, 40, price.Use{}); err != nil { // of the reservation's model
		t.Fatal(err)
	}
	h, _, err := g.Hold(t.Context(), key, quota.Question{Model: "a", Quota: 5}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Settle(t.Context(), 6, use("c", 1, 0)); err != nil {
		t.Fatal(err)
	}
	h, _, err = g.Hold(t.Context(), key, quota.Question{Model: "a", Quota: 5}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.check(t, map[string]price.Use{
		"":  {Requests: 1, Units: 30},
		"a": {Model: "a", Requests: 2, Units: 50, NanoDollars: 3, Usage: price.Usage{InputTokens: 7}},
		"b": {Model: "b", Requests: 1, Units: 20},
		"c": {Model: "c", Requests: 1, Units: 6, Usage: price.Usage{InputTokens: 1}},
	})
}

// TestFoldOfExpiredHolds charges a hold because it expires: its key was rotated away
// twice. Its units count for the model of its reservation, and not for the request
// that finds it.
func TestFoldOfExpiredHolds(t *testing.T) {
	t.Parallel()
	f := newFolded(t)
	g := gate.New(f.kit.Store, gate.WithClock(f.tenant.Clock.Now))
	if r, err := g.Reserve(t.Context(), f.key, quota.Question{Model: "lost", Quota: 50}, time.Minute); err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r, err)
	}
	for range 2 {
		rotation, err := f.tenant.NewKeyRotation(t.Context(), f.tenant.Access, 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		made, err := f.tenant.Rotate(t.Context(), f.tenant.Access, 1, rotation)
		if err != nil {
			t.Fatal(err)
		}
		f.key = made.Key.Reveal()
	}
	f.tenant.Clock.Advance(70)
	if v, err := g.Verify(t.Context(), f.key, quota.Question{Model: "next", Quota: 7}); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v, err)
	}
	f.check(t, map[string]price.Use{"lost": {Model: "lost", Units: 50}, "next": {Model: "next", Units: 7, Requests: 1}})
}

// TestFoldOfLeases spends from blocks, each of which is one write for several
// requests.
func TestFoldOfLeases(t *testing.T) {
	t.Parallel()
	f := newFolded(t)
	g := gate.New(f.kit.Store, gate.WithClock(f.tenant.Clock.Now), gate.WithLeases(100))
	want := map[string]price.Use{}
	for i := range 12 {
		use := price.Use{Model: string(rune('a' + i%10)), NanoDollars: 5, Usage: price.Usage{InputTokens: 3}}
		if v, err := g.Verify(t.Context(), f.key, quota.Question{Model: use.Model, Quota: 2, Use: use}); err != nil || !v.Valid() {
			t.Fatalf("got %+v, %v", v, err)
		}
		use.Units, use.Requests = 2, 1
		if use.Model > "h" { // a block tells eight models apart
			use.Model = ""
		}
		sum := want[use.Model].Plus(use)
		sum.Model = use.Model
		want[use.Model] = sum
	}
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.check(t, want)
}

// A folded token is the first one of a user with 1,000 units, in a table with a
// stream.
type folded struct {
	kit    *dynamotest.Kit
	tenant *dynamotest.Tenant
	key    string
}

func newFolded(t *testing.T) *folded {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(1000))})
	if err != nil {
		t.Fatal(err)
	}
	return &folded{kit, tenant, key.Reveal()}
}

// check folds the stream and compares hours and days with what the token was used
// for.
func (f *folded) check(t *testing.T, want map[string]price.Use) {
	t.Helper()
	records, err := stream.New(f.kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	for round := range 3 {
		if got, err := f.kit.Store.Fold(t.Context(), records, now); err != nil || got.Done != len(records) || got.Unreadable != 0 || (got.Written == 0) != (round > 0) {
			t.Fatalf("got %+v, %v", got, err)
		}
		for i := range records {
			if got, err := f.kit.Store.Fold(t.Context(), records[i:i+1], now); err != nil || got.Written != 0 {
				t.Fatalf("got %+v, %v, want nothing written", got, err)
			}
		}
	}
	for name, sum := range talliesOf(t, f.kit.Store, token.Address{UserID: 1, ID: 1}) {
		if !maps.Equal(sum.Models, want) {
			t.Errorf("%s: got %+v, want %+v", name, sum.Models, want)
		}
	}
}

// fold folds the whole stream.
func (f *folded) fold(t *testing.T) dynamo.Folding {
	t.Helper()
	records, err := stream.New(f.kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.kit.Store.Fold(t.Context(), records, time.Now().Unix())
	if err != nil || got.Done != len(records) {
		t.Fatalf("got %+v, %v", got, err)
	}
	return got
}

// talliesOf returns what a token was used for of late, as its hours and as its days
// have it.
func talliesOf(t *testing.T, store *dynamo.Store, a token.Address) map[string]history.Tally {
	t.Helper()
	tomorrow := time.Now().Unix()/history.DaySeconds*history.DaySeconds + history.DaySeconds
	tallies := map[string]history.Tally{}
	for name, days := range map[string]int64{"hours": history.MaxHourlyDays, "days": history.MaxHourlyDays + 1} {
		var sum history.Tally
		span := history.Span{From: tomorrow - days*history.DaySeconds, To: tomorrow}
		if err := store.EachOfToken(t.Context(), a, span, func(p history.Period) { sum.Merge(p.Tally) }); err != nil {
			t.Fatal(err)
		}
		tallies[name] = sum
	}
	return tallies
}

// The charge of a hold that expired counts for its own model, also if the same write
// releases another hold; and a release alone counts for none.
func TestFoldOfRelease(t *testing.T) {
	t.Parallel()
	for range 6 { // the holds of an item are in no order
		f := newFolded(t)
		g := gate.New(f.kit.Store, gate.WithClock(f.tenant.Clock.Now))
		hold := func(model string, ttl time.Duration) *gate.Hold {
			h, _, err := g.Hold(t.Context(), f.key, quota.Question{Model: model, Quota: 50, ExpiryCharge: 30}, ttl)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		if err := hold("failed at once", time.Hour).Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		hold("died", time.Minute)
		failed := hold("failed", time.Hour)
		f.tenant.Clock.Advance(70)
		if err := failed.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.check(t, map[string]price.Use{"died": {Model: "died", Units: 30}})
	}
}
