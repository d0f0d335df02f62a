package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

const daySeconds int64 = history.DaySeconds

// A usage is a table with what tokens of a tenant were used for, until the begin of
// a day.
type usage struct {
	kit    *dynamotest.Kit
	tenant *dynamotest.Tenant
	end    int64
	items  chan map[string]types.AttributeValue
	wait   func()
}

func newUsage(t *testing.T, tokens int64) *usage {
	t.Helper()
	kit := newKit(t)
	u := &usage{kit: kit, tenant: kit.Tenant(t, "alice"), items: make(chan map[string]types.AttributeValue, 100)}
	load(t, kit, u.tenant, tokens, nil)
	u.end = u.tenant.Clock.Now().Unix() / daySeconds * daySeconds
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() { writeBatches(t, kit, u.items) })
	}
	u.wait = sync.OnceFunc(func() {
		close(u.items)
		writers.Wait()
	})
	t.Cleanup(u.wait)
	return u
}

// add adds what a token was used for some seconds before the end, to an hour and to
// a day.
func (u *usage) add(id, ago int64, models ...string) {
	u.addHour(id, ago, models...)
	u.items <- dynamo.DayItem(u.period(id, ago, models))
}

func (u *usage) addHour(id, ago int64, models ...string) {
	u.items <- dynamo.HourItem(u.period(id, ago, models))
}

func (u *usage) period(id, ago int64, models []string) history.Period {
	p := history.Period{UserID: u.tenant.Access.UserID, TokenID: id, Start: u.end - ago, Revision: u.end - ago, Name: fmt.Sprint("name ", id)}
	for _, model := range models {
		p.Add(price.Use{Model: model, Requests: 2, Units: id * 100, NanoDollars: 1_234_000, Usage: price.Usage{InputTokens: 2_000, OutputTokens: 700}})
	}
	return p
}

func (u *usage) caller() token.Caller { return u.tenant.Caller(u.tenant.Access) }

// days returns the span of the last n days.
func (u *usage) days(n int64) history.Span {
	return history.Span{From: u.end - n*daySeconds, To: u.end}
}

// unitsByRow returns the units of each row, by its day, or by its token.
func unitsByRow(r *history.Report) map[int64]int64 {
	all := map[int64]int64{}
	for _, row := range r.Rows() {
		all[row.Start+row.TokenID] += row.Units
	}
	return all
}

func (u *usage) ofToken(t *testing.T, id, days int64, by history.By) *history.Report {
	t.Helper()
	r, err := history.OfToken(t.Context(), u.kit.Store, u.caller(), id, u.days(days), by)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestUsage reads the histories of tokens, also of one that was deleted, and of a user.
func TestUsage(t *testing.T) {
	t.Parallel()
	u := newUsage(t, 600) // three buckets
	u.add(600, 40*daySeconds, "a")
	u.add(600, 2*daySeconds, "a", "b")
	u.add(257, 2*daySeconds, "a")
	u.add(256, daySeconds, "")
	u.add(1, 1, "a")
	u.add(1, -1, "a") // after the end
	u.wait()
	t.Run("a_token_by_day", func(t *testing.T) {
		if got, want := unitsByRow(u.ofToken(t, 600, 31, history.ByDay)), map[int64]int64{u.end - 2*daySeconds: 120_000}; !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("a_token_from_days", func(t *testing.T) {
		want := map[int64]int64{u.end - 2*daySeconds: 120_000, u.end - 40*daySeconds: 60_000}
		if got := unitsByRow(u.ofToken(t, 600, 400, history.ByDay)); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("a_deleted_token", func(t *testing.T) {
		if err := u.tenant.Delete(t.Context(), u.tenant.Access, 257); err != nil {
			t.Fatal(err)
		}
		if r := u.ofToken(t, 257, 31, history.ByModel); r.Total.Units != 25_700 || r.Complete {
			t.Errorf("got %d units, complete %t, want 25700, false", r.Total.Units, r.Complete)
		}
	})
	t.Run("a_user_by_token", func(t *testing.T) {
		r, next, err := history.OfUser(t.Context(), u.kit.Store, u.caller(), u.days(30), history.Cursor{}, history.ByToken)
		if err != nil || !next.Done() {
			t.Fatalf("got next %s, %v, want none", next, err)
		}
		if got, want := unitsByRow(r), map[int64]int64{600: 120_000, 257: 25_700, 256: 25_600, 1: 100}; !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if name := r.Rows()[0].Name; name != "name 600" {
			t.Errorf("got name %q of the newest token, want name 600", name)
		}
	})
	t.Run("some_tokens_by_day", func(t *testing.T) {
		ids := []int64{600, 256, 1, 599, 1 << 50}
		r, err := history.OfTokens(t.Context(), u.kit.Store, u.caller(), ids, u.days(30), history.ByTokenDay)
		if err != nil {
			t.Fatal(err)
		}
		want := map[int64]int64{u.end - 2*daySeconds + 600: 120_000, u.end - daySeconds + 256: 25_600, u.end - daySeconds + 1: 100}
		if got := unitsByRow(r); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, id := range []int64{601, 1 << 50} {
			if _, err := history.OfToken(t.Context(), u.kit.Store, u.caller(), id, u.days(1), history.ByDay); !errors.Is(err, token.ErrNotFound) {
				t.Errorf("token %d: got error %v, want %v", id, err, token.ErrNotFound)
			}
		}
		stranger := u.tenant.Caller(credential.NewAccessToken(u.tenant.Access.UserID, 0))
		if _, err := history.OfToken(t.Context(), u.kit.Store, stranger, 600, u.days(1), history.ByDay); !errors.Is(err, token.ErrUnauthorized) {
			t.Errorf("got error %v, want %v", err, token.ErrUnauthorized)
		}
		if _, _, err := history.OfUser(t.Context(), u.kit.Store, stranger, u.days(1), history.Cursor{}, history.ByDay); !errors.Is(err, token.ErrUnauthorized) {
			t.Errorf("got error %v, want %v", err, token.ErrUnauthorized)
		}
		if _, err := history.OfTokens(t.Context(), u.kit.Store, stranger, []int64{600}, u.days(1), history.ByDay); !errors.Is(err, token.ErrUnauthorized) {
			t.Errorf("got error %v, want %v", err, token.ErrUnauthorized)
		}
	})
}

// TestUsageComplete: a token's history is complete if the newest change that is
// counted left the ledger as it is.
func TestUsageComplete(t *testing.T) {
	t.Parallel()
	u := newUsage(t, 2)
	u.add(1, 0, "a")
	u.wait()
	if r := u.ofToken(t, 2, 1, history.ByDay); !r.Complete {
		t.Error("a token that was never used: got an incomplete history")
	}
	span := history.Span{From: u.end, To: u.end + daySeconds}
	for revision, want := range map[int64]bool{u.end: true, u.end + 1: false} {
		address := token.Address{UserID: u.tenant.Access.UserID, ID: 1}
		r, err := history.OfRevision(t.Context(), u.kit.Store, address, revision, span, history.ByHour)
		if err != nil || r.Complete != want {
			t.Errorf("got complete %t, %v at revision %d, want %t", r.Complete, err, revision-u.end, want)
		}
	}
}

// TestUsageCompleteWithoutCharge: a history is complete when everything was folded, also if what changed the ledger last
// charged nothing; while a hold is open it is not.
func TestUsageCompleteWithoutCharge(t *testing.T) {
	t.Parallel()
	f := newFolded(t)
	g := gate.New(f.kit.Store, gate.WithClock(f.tenant.Clock.Now))
	check := func(what string, want bool) {
		t.Helper()
		f.fold(t)
		for _, days := range []int64{1, history.MaxHourlyDays + 1} {
			end := time.Now().Unix()/daySeconds*daySeconds + daySeconds
			span := history.Span{From: end - days*daySeconds, To: end}
			r, err := history.OfToken(t.Context(), f.kit.Store, f.tenant.Caller(f.tenant.Access), 1, span, history.ByDay)
			if err != nil || r.Complete != want || r.Total.Requests != 1 {
				t.Errorf("%s, %d days: got complete %t, %+v, %v, want %t and a request", what, days, r.Complete, r.Total, err, want)
			}
		}
	}
	if v, err := g.Verify(t.Context(), f.key, quota.Question{Quota: 5}); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v, err)
	}
	check("a charge", true)
	h, _, err := g.Hold(t.Context(), f.key, quota.Question{Quota: 5}, 0)
	if err != nil {
		t.Fatal(err)
	}
	check("a hold", false)
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("a release", true)
	if _, err := f.tenant.Update(t.Context(), f.tenant.Access, 1, token.Settings{RemainQuota: new(int64(77))}); err != nil {
		t.Fatal(err)
	}
	check("another quota", true)
	if _, err := f.tenant.SetStatus(t.Context(), f.tenant.Access, 1, true); err != nil {
		t.Fatal(err)
	}
	check("disabled", true)
}

// TestUsageCosts proves what docs/data-plane.md says: a month of a token is one query,
// and a month of 1,000 tokens that are used every day is a bounded number of them.
func TestUsageCosts(t *testing.T) {
	t.Parallel()
	const tokens = 1_000
	days := int64(30)
	if testing.Short() {
		days = 10
	}
	u := newUsage(t, tokens)
	models := []string{"gpt-5", "claude-opus-4-1"}
	for id := range int64(tokens) {
		for day := range days {
			u.items <- dynamo.DayItem(u.period(id+1, (day+1)*daySeconds, models))
		}
	}
	for hour := range 30 * int64(24) {
		u.addHour(1, (hour+1)*3_600, models...)
	}
	u.wait()
	month := row{"a month of a token, each hour of two models", 14, 16, 0, 3, func(ctx context.Context) error {
		r, err := history.OfToken(ctx, u.kit.Store, u.caller(), 1, u.days(30), history.ByHour)
		if n := len(r.Rows()); err == nil && n != 2*30*24 {
			err = fmt.Errorf("got %d rows", n)
		}
		return err
	}}
	month.check(t)
	row{"400 days of a token", 2 + 200.5, 2 + 200.5, 0, 6, func(ctx context.Context) error {
		_, err := history.OfToken(ctx, u.kit.Store, u.caller(), 1, u.days(400), history.ByDay)
		return err
	}}.check(t)
	row{"7 days of 10 tokens, for a page of the console", 2 + 34.5, 2 + 34.5, 0, 3, func(ctx context.Context) error {
		_, err := history.OfTokens(ctx, u.kit.Store, u.caller(), []int64{1000, 999, 998, 997, 996, 995, 994, 993, 992, 991}, u.days(7), history.ByTokenDay)
		return err
	}}.check(t)
	var sum price.Use
	ctx, meter := reqlog.WithMeter(t.Context())
	r, next, err := history.OfUser(ctx, u.kit.Store, u.caller(), u.days(30), history.Cursor{}, history.ByModel)
	if err != nil {
		t.Fatal(err)
	}
	cost := meter.Cost()
	t.Logf("%d days of %d tokens: %+v", days, tokens, cost)
	sum = r.Total
	if want := tokens * days * 2 * 2; !next.Done() || sum.Requests < want || cost.RoundTrips > 2+4*4 || cost.ReadUnits > float64(tokens*days)/50 {
		t.Errorf("got %+v for %d requests, next %s; want one page of %d, at most 18 calls, a unit for each 50 days of a token", cost, sum.Requests, next, want)
	}
	if rows := r.Rows(); len(rows) != 2 || rows[0].Model != "claude-opus-4-1" {
		t.Errorf("got %+v, want a row for each model", rows)
	}
}

// TestUsagePages reads a user with more tokens, and longer histories, than a page has. All
// pages together have each day of each token once.
func TestUsagePages(t *testing.T) {
	t.Parallel()
	const tokens, busy = 4*256 + 300, 200
	u := newUsage(t, tokens)
	long := make([]string, history.MaxModels) // items of about 15 KB, so that a bucket has more than a page reads
	for i := range long {
		long[i] = fmt.Sprintf("%0250d", i)
	}
	for id := range int64(busy) {
		u.add(id+1025, 3*daySeconds, long...)
		u.add(id+1025, 2*daySeconds, long...)
	}
	for id := int64(1); id <= 1024; id += 7 {
		u.add(id, daySeconds, "a")
	}
	u.wait()
	seen := map[int64]int{}
	cursor, calls, split := history.Cursor{}, 0, false
	for calls == 0 || !cursor.Done() {
		ctx, meter := reqlog.WithMeter(t.Context())
		var err error
		cursor, err = u.kit.Store.EachOfUser(ctx, u.caller(), u.days(30), cursor, func(p history.Period) { seen[p.Start+p.TokenID]++ })
		if calls++; err != nil || meter.Cost().RoundTrips > 2+4*4 || calls > 20 {
			t.Fatalf("call %d: got next %s, %v, %+v, want at most 18 round trips", calls, cursor, err, meter.Cost())
		}
		split = split || len(cursor.Parts) > 0
		if !cursor.Done() {
			if cursor, err = history.ParseCursor(cursor.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if more := slices.IndexFunc(slices.Collect(maps.Values(seen)), func(n int) bool { return n > 1 }); len(seen) != 2*busy+147 || more >= 0 || !split {
		t.Errorf("got %d days in %d pages, one twice: %t, a bucket split: %t; want %d, each once, and one split", len(seen), calls, more >= 0, split, 2*busy+147)
	}
	_, after, err := history.OfUser(t.Context(), u.kit.Store, u.caller(), u.days(30), history.Cursor{Parts: []history.Part{{Group: 99}, {Group: 1, Position: token.MaxInteger}}}, history.ByDay)
	if err != nil || !after.Done() {
		t.Errorf("a cursor of groups that don't exist: got next %s, %v, want none", after, err)
	}
	if diff := cmp.Diff(history.Cursor{}, after); diff != "" {
		t.Error(diff)
	}
}
