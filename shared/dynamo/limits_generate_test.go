package dynamo_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// drawLimits draws limits of a token, and what the open holds of its records
// count in. It returns the highest number of a meter.
func drawLimits(rt *rapid.T, t *token.Token, records map[string]quota.Record, now int64) int64 {
	lastMeter := rapid.Int64Range(0, 3).Draw(rt, "meters before")
	meter := func(units int64, endsAt int64) token.Meter {
		if oneIn(rt, 4, "unused") {
			return token.Meter{}
		}
		lastMeter++
		return token.Meter{Number: lastMeter, Left: around(rt, "meter left", -5, units, 0, 20, units), EndsAt: endsAt}
	}
	for range rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(rt, "windows") {
		units := rapid.SampledFrom([]int64{1, 30, 100, token.MaxInteger}).Draw(rt, "window")
		endsAt := now + rapid.SampledFrom([]int64{0, 1, 60, 600, 4000, 4000}).Draw(rt, "window ends")
		length := rapid.SampledFrom([]string{"hour", "day", "5h", "month"}).Draw(rt, "length")
		w := token.Window{Quota: units, Period: period.Period{Length: length}, Meter: meter(units, endsAt)}
		if w.IsCalendar() {
			w.Timezone, w.Anchor = "Europe/Berlin", period.Anchor{Hour: 3, Day: 31}
		}
		w.Raise = drawRaise(rt, now)
		t.Windows = append(t.Windows, w)
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(rt, "model quotas") {
		units := rapid.SampledFrom([]int64{0, 30, 100}).Draw(rt, "model quota")
		model := rapid.SampledFrom([]string{"m*", "m1", "*"}).Draw(rt, "pattern")
		t.ModelQuotas = append(t.ModelQuotas, token.ModelQuota{Model: model, Quota: units, Meter: meter(units, 0)})
	}
	t.Rates = token.Rates{
		RequestsPerMinute: rapid.SampledFrom([]int64{0, 0, 1, 7, 600}).Draw(rt, "requests per minute"),
		UnitsPerMinute:    rapid.SampledFrom([]int64{0, 0, 7, 100, 1_000_000_000}).Draw(rt, "units per minute"),
		MaxConcurrent:     rapid.SampledFrom([]int64{0, 0, 1, 3, 60}).Draw(rt, "concurrent"),
	}
	t.Raise = drawRaise(rt, now)
	tat := func(perMinute int64, name string) int64 {
		if perMinute == 0 {
			return 0
		}
		return now*1e9 + rapid.SampledFrom([]int64{-90e9, -1, 0, 1, 5e9, 59e9, 60e9}).Draw(rt, name)
	}
	t.RequestTAT, t.UnitTAT = tat(t.RequestsPerMinute, "request tat"), tat(t.UnitsPerMinute, "unit tat")
	if t.UnitsPerMinute > 0 {
		t.UnitRateSince = rapid.SampledFrom([]int64{0, 0, now - 30, now, now + 1}).Draw(rt, "rate since")
	}
	if oneIn(rt, 3, "wallet") {
		t.UsesWallet, t.WalletOrder = true, emptyWallet().Order
		units := rapid.SampledFrom([]int64{1, 30, 100}).Draw(rt, "drawn")
		endsAt := rapid.SampledFrom([]int64{0, 0, now, now + 1, now + 600}).Draw(rt, "block ends")
		if m := meter(units, endsAt); m.Number != 0 {
			m.Left = max(0, m.Left)
			t.Block = token.Block{Count: emptyWallet().Count, Drawn: m.Left + 40, Meter: m}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if r := records[key]; r.State == quota.StateOpen { // a rotation makes it one that is charged if it expires
			records[key] = drawCounted(rt, *t, r, now)
		}
	}
	return lastMeter
}

// drawRaise draws a raise that goes on, or has ended and was not removed, or none.
func drawRaise(rt *rapid.T, now int64) token.Raise {
	if !oneIn(rt, 3, "raised") {
		return token.Raise{}
	}
	return token.Raise{
		Units: rapid.SampledFrom([]int64{1, 10, 30, token.MaxInteger}).Draw(rt, "raise"),
		Until: now + rapid.SampledFrom([]int64{-60, 0, 1, 30, 60, 600, 4000}).Draw(rt, "raised until"),
	}
}

// drawCounted draws what an open hold counts in.
func drawCounted(rt *rapid.T, t token.Token, r quota.Record, now int64) quota.Record {
	for i, w := range t.Windows {
		if w.Number == 0 || oneIn(rt, 4, "another window") {
			w.Number = 1_000 + int64(i) // of one that has ended
		}
		r.Meters = append(r.Meters, w.Number)
	}
	for _, q := range t.ModelQuotas {
		if q.Number != 0 && rapid.Bool().Draw(rt, "counts for the model") {
			r.Meters = append(r.Meters, q.Number)
		}
	}
	if t.Block.Number != 0 && rapid.Bool().Draw(rt, "counts in the block") {
		r.Meters = append(r.Meters, t.Block.Number)
	}
	if t.UnitsPerMinute > 0 && !oneIn(rt, 4, "before the rate") {
		r.PerUnit = quota.PaceOf(t.UnitsPerMinute).PerItem
		r.MadeAt = (now - rapid.SampledFrom([]int64{0, 0, 1, 30}).Draw(rt, "age")) * 1000
	}
	return r
}

// emptyWallet is a wallet from which nothing can be drawn, so that only the token
// decides.
func emptyWallet() token.Wallet {
	return token.Wallet{UserID: 1, On: true, Order: 1, Count: 7, Revision: 1}
}

// leastLeft returns the units left in the meter that has the fewest.
func leastLeft(l quota.Ledger) int64 {
	least := int64(20)
	for _, w := range l.Windows {
		least = min(least, w.Left)
	}
	if l.UsesWallet {
		least = min(least, l.Block.Left)
	}
	return max(1, least)
}
