package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A row says what an operation costs. Read units may be a range; write units and
// round trips are exact.
type row struct {
	name   string
	lo, hi float64 // read units
	writes float64
	trips  int // calls, including those that run at the same time
	do     func(ctx context.Context) error
}

func (r row) check(t *testing.T) {
	t.Helper()
	ctx, meter := reqlog.WithMeter(t.Context())
	if err := r.do(ctx); err != nil {
		t.Errorf("%s: %v", r.name, err)
	}
	got := meter.Cost()
	if got.ReadUnits < r.lo || got.ReadUnits > r.hi || got.WriteUnits != r.writes || got.RoundTrips != r.trips {
		t.Errorf("%s: got %+v, want %v to %v read units, %v write units, %d round trips", r.name, got, r.lo, r.hi, r.writes, r.trips)
	}
}

// Each operation costs exactly the units and round trips that the documents
// name.
func TestOperationCosts(t *testing.T) {
	t.Parallel()
	sizes := []int64{10, 1_000, 100_000}
	if testing.Short() {
		sizes = []int64{10, 1_000, 20_000} // the last still has two segments
	}
	for _, given := range sizes {
		t.Run(fmt.Sprint(given, " tokens"), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "unit")
			load(t, kit, tenant, given, nil)
			searchRow(tenant, given).check(t)
			for _, r := range append(listRows(tenant, given), rows(tenant, given)...) {
				r.check(t)
			}
			for _, r := range keyRows(t, kit, tenant) {
				r.check(t)
			}
			purgeRow(t, kit, tenant, given).check(t)
			kit.Audit(t, tenant.Access.UserID)
		})
	}
}

// listRows returns the first, middle and last page, and one in two buckets.
func listRows(tenant *dynamotest.Tenant, given int64) []row {
	base, trips := 2.0, 2
	if given > pages.SegmentSize {
		base, trips = 3, 3
	}
	list := func(name string, page int64) row {
		r := row{name: fmt.Sprintf("list, %s page (%d)", name, page), lo: base, hi: base, trips: trips}
		newest := given - (page-1)*10
		if oldest := max(1, newest-9); (newest-1)/pages.BucketSize != (oldest-1)/pages.BucketSize {
			r.lo, r.hi, r.trips = base+1, base+1, trips+1 // two buckets, read in parallel
		}
		r.do = func(ctx context.Context) error {
			p, err := tenant.List(ctx, tenant.Access, page, 10)
			if err == nil && (p.Total != given || len(p.Tokens) != 10 || p.Tokens[0].ID != newest) {
				err = fmt.Errorf("ids %v, total %d", idsOf(p), p.Total)
			}
			return err
		}
		return r
	}
	last := given / 10
	all := []row{list("first", 1), list("middle", (last+1)/2), list("last", last)}
	if given > pages.BucketSize {
		all = append(all, list("spanning", (given-pages.BucketSize)/10+1))
	}
	return all
}

// searchRow returns a search in the newest window, without deletions. It reads
// META, up to two segments, and one unit for each 4 KiB of a bucket; of more than 100
// tokens half a unit for those in buckets without the newest 100, and then META and
// the ten tokens of the page.
func searchRow(tenant *dynamotest.Tenant, given int64) row {
	r := map[int64]row{
		10:      {lo: 2, hi: 2, trips: 2},
		1_000:   {lo: 41, hi: 41, trips: 6},
		20_000:  {lo: 63, hi: 63, trips: 11},
		100_000: {lo: 63, hi: 63, trips: 11},
	}[given]
	r.name = "search"
	r.do = func(ctx context.Context) error {
		p, err := tenant.Search(ctx, tenant.Access, token.Query{Keyword: "PRODUCTION"}, 1, 10)
		if most := min(given, token.MaxSearchWindow); err == nil && (p.Total > most || p.Total < most-pages.BucketSize || len(p.Tokens) != 10) {
			err = fmt.Errorf("ids %v, total %d", idsOf(p), p.Total)
		}
		return err
	}
	return r
}

func rows(tenant *dynamotest.Tenant, given int64) []row {
	removal := 4.0 // two items in a transaction
	if given > pages.SegmentSize {
		removal = 6
	}
	last := given + 1 // the id that create gives
	return []row{
		{"get", 2, 2, 0, 1, func(ctx context.Context) error {
			_, err := tenant.Get(ctx, tenant.Access, given/2)
			return err
		}},
		{"get a missing id", 2, 2, 0, 1, func(ctx context.Context) error {
			_, err := tenant.Get(ctx, tenant.Access, last)
			return expect(err, token.ErrNotFound)
		}},
		{"create", 1, 1, 4, 2, func(ctx context.Context) error {
			made, _, err := tenant.Create(ctx, tenant.Access, example())
			if err == nil && made.ID != last {
				err = fmt.Errorf("created id %d, want %d", made.ID, last)
			}
			return err
		}},
		{"create three", 1, 1, 2 * (3 + 1), 2, func(ctx context.Context) error {
			_, err := tenant.Service.Create(ctx, tenant.Access, []token.Settings{example(), example(), example()}, nil)
			return err
		}},
		{"create with an idempotency key", 1, 1, 6, 2, func(ctx context.Context) error {
			_, err := tenant.Service.Create(ctx, tenant.Access, []token.Settings{example()}, saved(tenant, "units"))
			return err
		}},
		{"rotate", 1, 1, 1, 2, func(ctx context.Context) error {
			rotation, err := tenant.NewKeyRotation(ctx, tenant.Access, last, 600)
			if err != nil {
				return err
			}
			_, err = tenant.Rotate(ctx, tenant.Access, last, rotation)
			return err
		}},
		{"add quota, if it has this version", 1, 1, 1, 2, func(ctx context.Context) error {
			_, err := tenant.Service.Update(ctx, tenant.Access, last, token.Settings{QuotaDelta: new(int64(-5))}, token.Versions{2})
			return err
		}},
		{"delete three", 4, 4, 3 * (1 + removal), 2 + 3*2, func(ctx context.Context) error {
			errs, err := tenant.DeleteAll(ctx, tenant.Access, []int64{last + 1, last + 2, last + 3}, nil)
			return errors.Join(append(errs, err)...)
		}},
		{"update", 1, 1, 1, 2, func(ctx context.Context) error {
			_, err := tenant.Update(ctx, tenant.Access, last, token.Settings{Name: new("production-app-v2"), UnlimitedQuota: new(true)})
			return err
		}},
		// One of the writes fails, because the token is unlimited.
		{"update the quota of an unlimited token", 1, 1, 2, 3, func(ctx context.Context) error {
			t, err := tenant.Update(ctx, tenant.Access, last, token.Settings{RemainQuota: new(int64(7))})
			if err == nil && t.RemainQuota == 7 {
				err = errors.New("the quota was set, want it to be ignored")
			}
			return err
		}},
		{"set status", 1, 1, 1, 2, func(ctx context.Context) error {
			_, err := tenant.SetStatus(ctx, tenant.Access, last, true)
			return err
		}},
		{"delete", 2, 2, removal, 2, func(ctx context.Context) error {
			return tenant.Delete(ctx, tenant.Access, last)
		}},
		{"delete a missing id", 2, 2, 0, 1, func(ctx context.Context) error {
			return expect(tenant.Delete(ctx, tenant.Access, last), token.ErrNotFound)
		}},
		{"authorize", 1, 1, 0, 1, func(ctx context.Context) error {
			return tenant.Authorize(ctx, tenant.Access)
		}},
		{"access token that was never issued", 1, 1, 0, 1, func(ctx context.Context) error {
			return expect(tenant.Authorize(ctx, credential.NewAccessToken(tenant.Access.UserID, 0)), token.ErrUnauthorized)
		}},
		{"access token of an unknown user", 1, 1, 0, 1, func(ctx context.Context) error {
			return expect(tenant.Authorize(ctx, credential.NewAccessToken(99, 0)), token.ErrUnauthorized)
		}},
		{"access token of an unknown slot", 1, 1, 0, 1, func(ctx context.Context) error {
			return expect(tenant.Authorize(ctx, credential.NewAccessToken(tenant.Access.UserID, 4)), token.ErrUnauthorized)
		}},
		{"access token with a bad checksum", 0, 0, 0, 0, func(context.Context) error {
			text := []byte(tenant.Access.Reveal())
			text[20] ^= 1
			_, err := credential.ParseAccessToken(string(text)) // before any call
			return expect(err, credential.ErrMalformed)
		}},
	}
}

// keyRows returns what a gateway does with the key of a token that has limits of
// each kind, and of an unlimited token.
func keyRows(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant) (all []row) {
	t.Helper()
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	limited := example()
	limited.AllowIPs = []string{"10.0.0.0/8", "2001:db8::/32"}
	all = leakRows(t, g, tenant)
	for name, u := range map[string]token.Settings{"limited": limited, "unlimited": {Name: new("a"), UnlimitedQuota: new(true)}} {
		_, made, err := tenant.Create(t.Context(), tenant.Access, u)
		if err != nil {
			t.Fatal(err)
		}
		key := made.Reveal()
		verify := func(q quota.Question) func(context.Context) error {
			return func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, q)) }
		}
		reserve := func(id string) func(context.Context) error {
			return func(ctx context.Context) error {
				r, err := g.Reserve(ctx, key, quota.Question{Quota: 9, RequestID: id + "-0123456789abcdefghijk", Model: "gpt-4o"}, 0)
				return verdictError(r.Verdict, err)
			}
		}
		settle := func(units int64) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := g.Settle(ctx, key, "settled-0123456789abcdefghijk", units, price.Use{})
				return err
			}
		}
		all = append(all, []row{
			{name + ": check", 1, 1, 0, 1, verify(quota.Question{Model: "gpt-4o"})},
			{name + ": spend", 0, 0, 1, 1, verify(quota.Question{Quota: 1})},
			{name + ": spend for a model, from IPv4", 0, 0, 1, 1, verify(quota.Question{Quota: 1, Model: "gpt-4o", IP: netip.MustParseAddr("10.1.2.3")})},
			{name + ": spend from IPv6", 0, 0, 1, 1, verify(quota.Question{Quota: 1, IP: netip.MustParseAddr("2001:db8::1")})},
			{name + ": spend once", 0, 0, 1, 1, verify(quota.Question{Quota: 1, RequestID: "spent-0123456789abcdefghijk"})},
			{name + ": reserve", 0, 0, 1, 1, reserve("settled")},
			{name + ": settle for less", 0, 0, 1, 1, settle(4)},
			{name + ": reserve again", 0, 0, 1, 1, reserve("released")},
			{name + ": release", 0, 0, 1, 1, func(ctx context.Context) error {
				_, err := g.Release(ctx, key, "released-0123456789abcdefghijk")
				return err
			}},
			{name + ": settle once more", 0, 0, 1, 1, settle(4)}, // a refused write
			{name + ": usage", 1, 1, 0, 1, func(ctx context.Context) error {
				_, err := g.Usage(ctx, key, quota.Origin{})
				return err
			}},
			{name + ": key with a bad checksum", 0, 0, 0, 0, func(ctx context.Context) error {
				typo := []byte(key)
				typo[20] ^= 1
				return expect(verdictError(g.Verify(ctx, string(typo), quota.Question{Quota: 1})), quota.RefusedUnknown.Err())
			}},
		}...)
	}
	return all
}

// leakRows returns the revocation of a key by whoever has it.
func leakRows(t *testing.T, g *gate.Gate, tenant *dynamotest.Tenant) []row {
	t.Helper()
	_, made, err := tenant.Create(t.Context(), tenant.Access, example())
	if err != nil {
		t.Fatal(err)
	}
	revoke := func(key string, changes bool) func(context.Context) error {
		return func(ctx context.Context) error {
			found, err := g.Revoke(ctx, key)
			if err == nil && (found.ID != 0) != changes {
				err = fmt.Errorf("changed token %d", found.ID)
			}
			return err
		}
	}
	return []row{
		{"revoke an invented key", 1, 1, 0, 1, revoke(credential.NewKey(made.UserID, made.TokenID).Reveal(), false)},
		{"revoke a key", 1, 1, 1, 2, revoke(made.Reveal(), true)},
		{"revoke a key again", 1, 1, 0, 1, revoke(made.Reveal(), false)},
		{"revoke a malformed key", 0, 0, 0, 0, revoke("sk-nothing", false)},
	}
}

// purgeRow returns the count of a token that DynamoDB has removed.
func purgeRow(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, given int64) row {
	t.Helper()
	writes := 4.0 // the mark and META, in a transaction
	if given > pages.SegmentSize {
		writes = 6
	}
	uid := tenant.Access.UserID
	removeItem(t, kit, uid, given)
	return row{"count a purge", 0, 0, writes, 1, func(ctx context.Context) error {
		return kit.Store.CountPurge(ctx, uid, given, nil, dynamotest.Epoch)
	}}
}

func verdictError(v quota.Verdict, err error) error {
	if err == nil {
		err = v.Refusal.Err()
	}
	return err
}

// expect returns nil if got is the error want.
func expect(got, want error) error {
	if errors.Is(got, want) {
		return nil
	}
	return fmt.Errorf("error %w, want %w", got, want)
}

// No page of 10 costs more than 14 read units after heavy deletions.
func TestListCostsAfterDeletions(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{2, 50, 95} {
		t.Run(fmt.Sprint(percent, "% deleted"), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "unit")
			random := seeded(1, percent)
			deleted := func(int64) bool { return random.IntN(100) < percent }
			loadTokens(t, kit, tenant, 2_000, deleted, func(id int64) token.Token {
				tok := exampleToken(t, tenant.Access.UserID, id)
				const maxTypical = 400 // bytes of a typical token at most
				tok.Group = strings.Repeat("g", maxTypical-len("group")-itemSize(dynamo.TokenItem(tok)))
				return tok
			})
			total := mustList(t, tenant, 1, 10).Total
			for page := range total/10 + 1 {
				ctx, meter := reqlog.WithMeter(t.Context())
				if _, err := tenant.List(ctx, tenant.Access, page+1, 10); err != nil {
					t.Fatal(err)
				}
				if cost := meter.Cost(); cost.ReadUnits > 14 {
					t.Errorf("page %d: got %v read units, want at most 14", page+1, cost.ReadUnits)
				}
			}
		})
	}
}
