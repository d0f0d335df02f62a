package dynamo_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An operation changes the stored item as Operation.Apply changes the ledger.
// The rules stand once in Go, in Apply, and once in DynamoDB's expressions,
// which save a read. Above all, a direct write must fail if Apply refuses.
func TestOperationsMatchApply(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	client := dynamotest.Client(kit.Endpoint)
	put := func(it item) {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(dynamotest.Table), Item: it}); err != nil {
			t.Fatal(err)
		}
	}
	put(dynamo.WalletItem(emptyWallet()))
	key := credential.NewKey(1, 1)
	operations, direct := 0, 0
	var versions atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		now := int64(dynamotest.Epoch)
		ledger := drawLedger(rt, key, now)
		ledger.Version = versions.Add(1) // the store relies on a version having one meaning
		put(dynamo.LedgerItem(ledger))
		before := ledger
		for range rapid.IntRange(1, 16).Draw(rt, "operations") {
			checkReading(rt, before, now)
			o := drawOperation(rt, before, now)
			want, _, refusal := o.Apply(before)
			ctx, meter := reqlog.WithMeter(rt.Context())
			got, err := kit.Store.Do(ctx, key, o)
			if !errors.Is(err, refusal) || (err == nil) != (refusal == nil) {
				rt.Fatalf("%s: got error %v, want %v", describe(o), err, refusal)
			}
			operations++
			if meter.Cost().WriteUnits > 0 && meter.Cost().RoundTrips == 1 {
				direct++
			}
			after, lookErr := kit.Store.Lookup(rt.Context(), key, dynamotest.Epoch)
			if lookErr != nil {
				rt.Fatal(lookErr)
			}
			if err != nil {
				same(rt, o, "refused, the item", before, after)
				same(rt, o, "refused, the answer", before, got)
			} else {
				same(rt, o, "the item", compacted(want, now), compacted(after, now))
				same(rt, o, "the answer", compacted(want, now), compacted(got, now))
				sameAnswers(rt, o, want, got)
			}
			checkUnits(rt, o, before, after, now)
			before = after
			now += rapid.SampledFrom([]int64{0, 0, 0, 0, 1, 29, 30, 60, 900}).Draw(rt, "seconds")
		}
	})
	t.Logf("%d operations, %d of them by a direct write", operations, direct)
}

// describe returns an operation in a short form.
func describe(o quota.Operation) string {
	return fmt.Sprintf("%s %q of %d at %+d", map[quota.Kind]string{
		quota.KindSpend: "spend", quota.KindReserve: "reserve", quota.KindSettle: "settle", quota.KindRelease: "release", quota.KindGrow: "grow",
	}[o.Kind], o.RequestID, o.Quota, o.Now-dynamotest.Epoch)
}

// compacted makes ledgers comparable that differ only in how far they are
// compacted.
func compacted(l quota.Ledger, now int64) quota.Ledger {
	plainly := func(b quota.Balance) quota.Balance { return quota.Balance{Left: b.Free(), Unlimited: b.Unlimited} }
	l = l.Compact(now)
	for key, r := range l.Records {
		r.BeforeReserve, r.BeforeEnd = plainly(r.BeforeReserve), plainly(r.BeforeEnd)
		if r.State == quota.StateSpent {
			r.BeforeReserve = quota.Balance{} // it may be of an older hold with this request id
		}
		l.Records[key] = r
	}
	return l
}

func same(rt *rapid.T, o quota.Operation, what string, want, got quota.Ledger) {
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(quota.Ledger{}, "Revision")); diff != "" {
		rt.Fatalf("%s: %s -want +got:\n%s", describe(o), what, diff)
	}
}

// sameAnswers compares the answers to the caller, except the token.
func sameAnswers(rt *rapid.T, o quota.Operation, want, got quota.Ledger) {
	answers := func(l quota.Ledger) any {
		l.Token = token.Token{}
		switch o.Kind {
		case quota.KindReserve:
			return o.Reservation(l)
		case quota.KindSettle:
			return o.Settlement(l)
		case quota.KindRelease:
			return o.Release(l)
		case quota.KindSpend, quota.KindGrow: // their answer is the token
		}
		return nil
	}
	if diff := cmp.Diff(answers(want), answers(got), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		rt.Fatalf("%s: answer -want +got:\n%s", describe(o), diff)
	}
}

// checkReading checks that compacting a ledger changes none of its amounts.
func checkReading(rt *rapid.T, l quota.Ledger, now int64) {
	plain := l.Compact(now)
	got := []int64{l.FreeAt(now), l.UsedAt(now), l.HeldAt(now)}
	want := []int64{plain.FreeAt(now), plain.UsedAt(now), plain.HeldAt(now)}
	if !slices.Equal(got, want) {
		rt.Fatalf("free, used and held: got %v, but %v when compacted", got, want)
	}
	if plain.Balance.Left != want[0] || plain.HasExpiredHold(now) {
		rt.Fatalf("compacted, got %+v with %d free, earliest expiry %d, want all units in Left", plain.Balance, want[0], plain.EarliestExpiry)
	}
}

// checkUnits checks that an operation neither creates nor loses units, and
// spends none that are not free.
func checkUnits(rt *rapid.T, o quota.Operation, before, after quota.Ledger, now int64) {
	checkReading(rt, after, now)
	was, is := before.UsageAt(now), after.UsageAt(now)
	if is.Available < 0 || is.Used < was.Used {
		rt.Fatalf("%s: got %d free, %d used, of %d and %d", describe(o), is.Available, is.Used, was.Available, was.Used)
	}
	var more int64 // of a hold from before the token became limited; it may be charged without the balance
	if r, ok := o.Record(before); ok && o.Kind == quota.KindSettle && r.BeforeReserve.Unlimited {
		more = r.Quota
	}
	if !before.UnlimitedQuota && is.Used < token.MaxInteger && (is.Granted < was.Granted || is.Granted > was.Granted+more) {
		rt.Fatalf("%s: got free %d + held %d + used %d = %d, want %d", describe(o), is.Available, after.HeldAt(now), is.Used, is.Granted, was.Granted)
	}
}

// A ledger is read as it was written.
func TestLedgerRoundTrip(t *testing.T) {
	t.Parallel()
	key := credential.NewKey(7, 3)
	rapid.Check(t, func(rt *rapid.T) {
		want := drawLedger(rt, key, dynamotest.Epoch)
		it := dynamo.LedgerItem(want)
		got, err := dynamo.ReadLedger(maps.Clone(it), key.UserID)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("-want +got:\n%s", diff)
		}
	})
}
