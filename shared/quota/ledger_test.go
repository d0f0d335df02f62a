package quota_test

import (
	"fmt"
	"maps"
	"regexp"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// ledgerOf returns the ledger of a limited token with left free units.
func ledgerOf(left int64, records map[string]quota.Record) quota.Ledger {
	return quota.NewLedger(token.Token{ExpiredTime: token.Never}, quota.Balance{Left: left}, records)
}

// ended returns the record of a spend of one unit, ago seconds before now.
func ended(ago int64) quota.Record {
	return quota.Record{State: quota.StateSpent, Quota: 1, EndedAt: now - ago}
}

// many returns n records; record makes each from its number.
func many(n int, record func(n int) quota.Record) map[string]quota.Record {
	all := map[string]quota.Record{}
	for i := range n {
		all[quota.RecordKey(fmt.Sprint(i))] = record(i)
	}
	return all
}

// TestRecordKey checks that record keys never change, are distinct, and are
// 13 letters and digits.
func TestRecordKey(t *testing.T) {
	// Stored records are read by later versions of this code.
	for id, want := range map[string]string{"a": "pabo24ma3eusk", "b": "7ohug5g075ckk"} {
		if got := quota.RecordKey(id); got != want {
			t.Errorf("%q: got %s, want %s", id, got, want)
		}
	}
	form := regexp.MustCompile(`^[0-9a-v]{13}$`) // no character that is special in a store's paths
	seen := map[string]bool{}
	for i := range 10_000 {
		key := quota.RecordKey(fmt.Sprint("request ", i))
		if !form.MatchString(key) || seen[key] {
			t.Fatalf("request %d: got %s, want 13 letters and digits of its own", i, key)
		}
		seen[key] = true
	}
}

// TestCompactDropsOldRecords checks how long records are kept, how many of
// each kind, and that older ones are dropped first.
func TestCompactDropsOldRecords(t *testing.T) {
	const newest, spends, holds = 16, 256, 64
	endedHold := func(ago int64) quota.Record {
		return quota.Record{State: quota.StateReleased, Quota: 1, EndedAt: now - ago}
	}
	expiredHold := func(ago int64) quota.Record {
		return quota.Record{State: quota.StateExpired, Quota: 1, ExpiresAt: now - ago, EndedAt: now - ago}
	}
	for name, row := range map[string]struct {
		records map[string]quota.Record
		want    int
	}{
		"one, for all but the last second":      {many(1, func(int) quota.Record { return ended(quota.RecordSeconds - 1) }), 1},
		"one, no more":                          {many(1, func(int) quota.Record { return ended(quota.RecordSeconds) }), 0},
		"the 16 newest of 20 spends":            {many(20, func(n int) quota.Record { return ended(30 + int64(n)) }), newest},
		"all 20 spends of the last 30 seconds":  {many(20, func(n int) quota.Record { return ended(29 - int64(n)) }), 20},
		"all spends that there is room for":     {many(spends, func(n int) quota.Record { return ended(int64(n) % 30) }), spends},
		"not more spends than there is":         {many(300, func(n int) quota.Record { return ended(int64(n) % 30) }), spends},
		"the recent spends before the old":      {many(40, func(n int) quota.Record { return ended(int64(n) % 2 * 60) }), 20},
		"the 16 newest of 20 holds":             {many(20, func(n int) quota.Record { return endedHold(10 + int64(n)) }), newest},
		"all 20 holds of the last 10 seconds":   {many(20, func(int) quota.Record { return endedHold(9) }), 20},
		"all holds that there is room for":      {many(holds, func(n int) quota.Record { return endedHold(int64(n) % 10) }), holds},
		"not more holds than there is":          {many(150, func(n int) quota.Record { return endedHold(int64(n) % 10) }), holds},
		"all 20 holds that expired in a minute": {many(20, func(int) quota.Record { return expiredHold(59) }), 20},
		"the 16 newest of those before":         {many(20, func(n int) quota.Record { return expiredHold(60 + int64(n)) }), newest},
		"not more of those than there is":       {many(150, func(n int) quota.Record { return expiredHold(int64(n) % 60) }), holds},
		"none less for a clock that is ahead":   {many(3, func(int) quota.Record { return ended(-5) }), 3},
		"every open hold, besides":              {withOpen(many(300, func(int) quota.Record { return ended(0) }), 50), spends + 50},
	} {
		got := ledgerOf(0, row.records).Compact(now)
		if len(got.Records) != row.want {
			t.Errorf("%s: got %d records, want %d", name, len(got.Records), row.want)
		}
		// What is dropped is older than what stays.
		oldest := int64(now)
		for _, r := range got.Records {
			if r.State != quota.StateOpen {
				oldest = min(oldest, r.EndedAt)
			}
		}
		for key, r := range row.records {
			if _, kept := got.Records[key]; !kept && r.EndedAt > oldest {
				t.Errorf("%s: one of %d seconds ago was dropped, one of %d was kept", name, now-r.EndedAt, now-oldest)
			}
		}
		if n := int64(len(got.Records)); got.RecordLimit < n+newest || got.RecordLimit > 512 {
			t.Errorf("%s: got room for %d, with %d records", name, got.RecordLimit, n)
		}
	}
}

func withOpen(records map[string]quota.Record, n int) map[string]quota.Record {
	maps.Copy(records, func() map[string]quota.Record {
		open := map[string]quota.Record{}
		for i := range n {
			open[quota.RecordKey(fmt.Sprint("open ", i))] = quota.Record{State: quota.StateOpen, Quota: 1, ExpiresAt: now + 60}
		}
		return open
	}())
	return records
}

// TestCompactExpiresHoldOnce checks that a hold expires at its second and
// returns its units once.
func TestCompactExpiresHoldOnce(t *testing.T) {
	key := quota.RecordKey("a")
	hold := quota.Record{State: quota.StateOpen, Quota: 7, ExpiresAt: now + 60, BeforeReserve: quota.Balance{Left: 10}}
	l := ledgerOf(3, map[string]quota.Record{key: hold})
	if got := l.Compact(now + 59); got.Balance.Left != 3 || got.EarliestExpiry != now+60 || got.Records[key].State != quota.StateOpen {
		t.Errorf("a second before: got %+v, want the hold open and 3 free", got)
	}
	for seconds := range int64(3) {
		l = l.Compact(now + 60 + seconds)
		if r := l.Records[key]; l.Balance.Left != 10 || l.EarliestExpiry != 0 || len(l.Holds) != 0 || r.State != quota.StateExpired || r.EndedAt != now+60 {
			t.Errorf("%d seconds after: got %+v, want it expired at its second and 10 free", seconds, l)
		}
	}
}

// TestExpiredHold checks that an expired hold returns the units that it took,
// or charges them if it says so.
func TestExpiredHold(t *testing.T) {
	for name, row := range map[string]struct {
		hold       quota.Record
		free, used int64
	}{
		"of a limited token":    {quota.Record{Quota: 7, BeforeReserve: quota.Balance{Left: 10}}, 10, 0},
		"of an unlimited token": {quota.Record{Quota: 7, BeforeReserve: quota.Balance{Left: 3, Unlimited: true}}, 3, 0},
		"a lease":               {quota.Record{Quota: 7, BeforeReserve: quota.Balance{Left: 10}, ExpiryCharge: quota.ChargeAll}, 3, 7},
		"partly charged":        {quota.Record{Quota: 7, BeforeReserve: quota.Balance{Left: 10}, ExpiryCharge: 2}, 8, 2},
		"unlimited, partly":     {quota.Record{Quota: 7, BeforeReserve: quota.Balance{Left: 3, Unlimited: true}, ExpiryCharge: 2}, 3, 2},
		"an unlimited lease":    {quota.Record{Quota: 7, BeforeReserve: quota.Balance{Left: 3, Unlimited: true}, ExpiryCharge: quota.ChargeAll}, 3, 7},
	} {
		row.hold.State, row.hold.ExpiresAt = quota.StateOpen, now
		l := ledgerOf(3, map[string]quota.Record{"a": row.hold})
		compact := l.Compact(now)
		if l.FreeAt(now) != row.free || l.UsedAt(now) != row.used || compact.RemainQuota != row.free || compact.UsedQuota != row.used {
			t.Errorf("%s: got %d free, %d used, and after Compact %d and %d, want %d and %d",
				name, l.FreeAt(now), l.UsedAt(now), compact.RemainQuota, compact.UsedQuota, row.free, row.used)
		}
	}
}

// TestCompactChangesACopy checks that Compact does not change the ledger that
// it is called on.
func TestCompactChangesACopy(t *testing.T) {
	records := many(20, func(int) quota.Record { return quota.Record{State: quota.StateOpen, Quota: 1, ExpiresAt: now} })
	l := ledgerOf(3, records)
	l.Compact(now)
	if len(records) != 20 || l.Balance.Left != 3 || l.OpenHolds() != 20 {
		t.Errorf("got %d records, %d open, %d left, want 20, 20 and 3", len(records), l.OpenHolds(), l.Balance.Left)
	}
}

// TestUsedQuotaIsSaturated checks that used quota does not grow above
// MaxInteger.
func TestUsedQuotaIsSaturated(t *testing.T) {
	const most = token.MaxInteger
	l := ledgerOf(0, nil)
	l.Balance.Unlimited = true
	for _, row := range []struct{ used, spent, want int64 }{{most - 5, 5, most}, {most - 5, 6, most}, {most, 1, most}, {most - 1, most, most}, {0, most, most}} {
		l.UsedQuota = row.used
		got, _, err := quota.Operation{Kind: quota.KindSpend, Now: now, Question: quota.Question{Quota: row.spent}}.Apply(l)
		if err != nil || got.UsedQuota != row.want {
			t.Errorf("%d used and %d more: got %d (%v), want %d", row.used, row.spent, got.UsedQuota, err, row.want)
		}
		leased := token.Token{UsedQuota: row.used, Holds: []token.Hold{{Quota: row.spent, ExpiresAt: now, ExpiryCharge: row.spent}}}
		if got := leased.UsedAt(now); got != row.want {
			t.Errorf("%d used and %d leased: got %d, want %d", row.used, row.spent, got, row.want)
		}
	}
}
