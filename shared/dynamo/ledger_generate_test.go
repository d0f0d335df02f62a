package dynamo_test

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// requestIDs are few, so that operations often find a record.
var requestIDs = []string{"a", "b", "c", "d", "e", "f"} //nolint:gochecknoglobals // never changed

// oneIn draws true in about one of n cases.
func oneIn(rt *rapid.T, n int, name string) bool { return rapid.IntRange(1, n).Draw(rt, name) == n }

// around draws a number at one of the boundaries or next to it.
func around(rt *rapid.T, name string, lo, hi int64, boundaries ...int64) int64 {
	at := rapid.SampledFrom(boundaries).Draw(rt, name) + rapid.Int64Range(-1, 1).Draw(rt, name+" beside")
	return max(lo, min(at, hi))
}

// drawLedger draws a ledger that operations and updates can lead to.
func drawLedger(rt *rapid.T, key credential.Key, now int64) quota.Ledger {
	t := token.Token{
		ID: key.TokenID, UserID: key.UserID, Version: rapid.Int64Range(1, 3).Draw(rt, "version"),
		KeyHash: key.Hash(), Mask: key.Mask(), Name: "any", CreatedTime: now - 10_000, AccessedTime: now - rapid.Int64Range(0, 2000).Draw(rt, "accessed"),
		Disabled:           oneIn(rt, 12, "disabled"),
		Stopped:            oneIn(rt, 12, "stopped"),
		ExpiredTime:        drawExpiry(rt, now),
		UsedQuota:          rapid.SampledFrom([]int64{0, 0, 7, 7, token.MaxInteger - 20, token.MaxInteger}).Draw(rt, "used"),
		ModelLimitsEnabled: oneIn(rt, 3, "limits"),
		Models:             rapid.SampledFrom([][]string{{"m1", "m2"}, {"m1"}, nil, {"m1*"}, {"m3", "m*"}, {"*"}, {midModel[:9] + "*"}, {midModel[:10] + "*", "m1"}, {midModel}}).Draw(rt, "models"),
		AllowIPs:           rapid.SampledFrom([][]string{nil, nil, nil, {"10.0.0.0/8"}, {"2001:db8::/32", "10.0.0.1"}}).Draw(rt, "ips"),
	}
	cost := rapid.Int64Range(0, 30).Draw(rt, "cost")
	balance := quota.Balance{
		Left:    rapid.SampledFrom([]int64{0, 1, 20, 100, 1000, token.MaxInteger}).Draw(rt, "left"),
		Charged: cost, Returned: cost + rapid.Int64Range(0, 30).Draw(rt, "unfolded"),
		Unlimited: rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "unlimited"),
	}
	records := map[string]quota.Record{}
	for _, id := range requestIDs {
		if oneIn(rt, 3, "known "+id) {
			records[quota.RecordKey(id)] = drawRecord(rt, now)
		}
	}
	addOtherRecords(rt, records, now)
	var lastMeter int64
	if rapid.Bool().Draw(rt, "limited") {
		lastMeter = drawLimits(rt, &t, records, now)
	}
	l := quota.NewLedger(t, balance, records)
	l.LastMeter = lastMeter
	l.Revision = rapid.Int64Range(0, 3).Draw(rt, "revision")
	l.RecordLimit = rapid.SampledFrom([]int64{0, 33, 40, 60, 100, 512}).Draw(rt, "room")
	l.EarliestExpiry = earliestExpiry(records)
	if l.EarliestExpiry != 0 { // the hold with the earliest expiry may have ended since
		l.EarliestExpiry -= rapid.SampledFrom([]int64{0, 0, 1, 100}).Draw(rt, "due before")
	} else if oneIn(rt, 5, "due for nothing") {
		l.EarliestExpiry = around(rt, "due", 1, now+3600, now)
	}
	return l
}

// earliestExpiry is when the first open hold expires, 0 if there is none.
func earliestExpiry(records map[string]quota.Record) int64 {
	var first int64
	for _, r := range records {
		if r.State == quota.StateOpen && (first == 0 || r.ExpiresAt < first) {
			first = r.ExpiresAt
		}
	}
	return first
}

func drawExpiry(rt *rapid.T, now int64) int64 {
	if oneIn(rt, 6, "expires") {
		return now + rapid.SampledFrom([]int64{60, 1, 0}).Draw(rt, "expires in")
	}
	return token.Never
}

// drawRecord draws the record of a request id.
func drawRecord(rt *rapid.T, now int64) quota.Record {
	units := rapid.Int64Range(0, 25).Draw(rt, "quota")
	before := quota.Balance{
		Left: units + rapid.Int64Range(0, 10).Draw(rt, "before"), Returned: rapid.Int64Range(3, 9).Draw(rt, "back before"),
		Charged: 3, Unlimited: rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "unlimited before"),
	}
	ended := now - around(rt, "ended", 0, 2000, 0, 30, quota.RecordSeconds)
	r := quota.Record{
		State: rapid.SampledFrom([]quota.State{quota.StateOpen, quota.StateOpen, quota.StateOpen, quota.StateSpent, quota.StateSettled, quota.StateReleased, quota.StateExpired}).Draw(rt, "fate"),
		Quota: units, ExpiryCharge: rapid.SampledFrom([]int64{0, 0, 1, units / 2, quota.ChargeAll}).Draw(rt, "charged on expiry"), BeforeReserve: before, EndedAt: ended,
		ExpiresAt: around(rt, "until", 1, now+3600, now, now+60, now+900, now+900),
	}
	switch r.State {
	case quota.StateSpent:
		return quota.Record{State: quota.StateSpent, Quota: units, EndedAt: ended}
	case quota.StateOpen:
		r.EndedAt = 0
	case quota.StateSettled:
		r.Requested = around(rt, "asked", 0, 100, units)
		r.Charged = min(r.Requested, units)
		r.BeforeEnd = before
	case quota.StateReleased:
		r.BeforeEnd = before
	case quota.StateExpired:
		r.ExpiresAt = ended
	}
	return r
}

// addOtherRecords sometimes adds records of other requests, so that nearly as
// many records or open holds exist as are allowed.
func addOtherRecords(rt *rapid.T, records map[string]quota.Record, now int64) {
	if !oneIn(rt, 4, "crowded") {
		return
	}
	ended := rapid.SampledFrom([]int{0, 14, 27, 31, 40, 300}).Draw(rt, "others that have ended")
	since := rapid.SampledFrom([]int64{0, 9, 10, 29, 30, 800, quota.RecordSeconds}).Draw(rt, "others ended since")
	for i := range ended {
		r := quota.Record{State: quota.StateSpent, Quota: 1, EndedAt: now - since + int64(i%2)}
		if i%3 == 0 {
			r.State, r.ExpiresAt = quota.StateReleased, r.EndedAt+60
		}
		records[quota.RecordKey(fmt.Sprint("ended ", i))] = r
	}
	open := rapid.SampledFrom([]int{0, 2, 46, 49}).Draw(rt, "others that are open")
	until := now + rapid.SampledFrom([]int64{600, 600, 1, 0}).Draw(rt, "others open until")
	for i := range min(open, quota.MaxOpenHolds-openOf(records)) {
		records[quota.RecordKey(fmt.Sprint("open ", i))] = quota.Record{State: quota.StateOpen, Quota: 1, ExpiresAt: until, BeforeReserve: quota.Balance{Left: 100}}
	}
}

// openIDs returns the request ids of open holds.
func openIDs(l quota.Ledger) (ids []string) {
	for _, id := range append([]string{"g", "h", "i", "j"}, requestIDs...) {
		if r, ok := l.Records[quota.RecordKey(id)]; ok && r.State == quota.StateOpen {
			ids = append(ids, id)
		}
	}
	return ids
}

func openOf(records map[string]quota.Record) (n int) {
	for _, r := range records {
		if r.State == quota.StateOpen {
			n++
		}
	}
	return n
}

// drawOwn draws what a caller says about its own hold. It may be mistaken about
// the units of the hold, if it does not know that the hold has grown.
func drawOwn(rt *rapid.T, o quota.Operation, l quota.Ledger) quota.Own {
	r, _ := o.Record(l)
	own := quota.Own{Forget: true, Held: r.Quota, Meters: r.Meters, PerUnit: r.PerUnit, MadeAt: r.MadeAt, Tried: rapid.Bool().Draw(rt, "tried")}
	if oneIn(rt, 4, "cancel") {
		own = quota.Own{Cancel: o.Kind == quota.KindRelease, Held: r.Quota}
	}
	if oneIn(rt, 3, "held beside") {
		own.Held = r.Quota + rapid.Int64Range(1, 5).Draw(rt, "held more")
	}
	return own
}

// drawOperation draws an operation, with amounts near the values that decide
// about its result.
func drawOperation(rt *rapid.T, l quota.Ledger, now int64) quota.Operation {
	o := quota.Operation{
		Kind: rapid.SampledFrom([]quota.Kind{quota.KindSpend, quota.KindReserve, quota.KindSettle, quota.KindRelease, quota.KindGrow}).Draw(rt, "kind"), Now: now,
	}
	ids := append([]string{"g", "h", "i", "j"}, requestIDs...)
	if holds := openIDs(l); len(holds) > 0 && o.Kind >= quota.KindSettle && !oneIn(rt, 4, "any request id") {
		ids = holds
	}
	o.RequestID = rapid.SampledFrom(ids).Draw(rt, "request id")
	amounts := []int64{1, 1, 1, 5, 20, leastLeft(l), l.Balance.Left, l.Balance.Free(), l.FreeAt(now), token.MaxInteger - l.UsedQuota, token.MaxInteger}
	if r, ok := o.Record(l); ok {
		amounts = append(slices.Repeat([]int64{r.Quota}, 12), r.Requested, r.Quota+l.FreeAt(now))
	}
	o.Quota = max(0, rapid.SampledFrom(amounts).Draw(rt, "quota"))
	if oneIn(rt, 3, "quota beside") {
		o.Quota = around(rt, "quota", 0, token.MaxInteger, o.Quota)
	}
	if o.Kind >= quota.KindSettle && rapid.Bool().Draw(rt, "own") {
		o.Own = drawOwn(rt, o, l)
	} else if r, ok := o.Record(l); ok && o.Kind >= quota.KindSettle && rapid.Bool().Draw(rt, "id says") {
		o.Held, o.MadeAt = r.Quota, r.MadeAt
	}
	o.Nanos = rapid.SampledFrom([]int64{0, 1, 999_999_999}).Draw(rt, "nanos")
	switch o.Kind {
	case quota.KindGrow:
		o.ExpiryCharge = rapid.SampledFrom([]int64{0, 0, 1, o.Quota / 2, quota.ChargeAll}).Draw(rt, "charged on expiry")
		o.ExpiresAt = rapid.SampledFrom([]int64{0, 0, 0, now + 60, now + 3600}).Draw(rt, "renewed until")
	case quota.KindSettle:
		return o
	case quota.KindRelease:
		o.Quota = 0
		return o
	case quota.KindSpend:
		o.Quota = max(1, o.Quota)
		if oneIn(rt, 3, "without request id") {
			o.RequestID = ""
		}
	case quota.KindReserve:
		o.ExpiresAt = now + rapid.SampledFrom([]int64{1, 60, 900, 3600}).Draw(rt, "ttl")
		o.ExpiryCharge = rapid.SampledFrom([]int64{0, 0, 1, o.Quota / 2, quota.ChargeAll}).Draw(rt, "charged on expiry")
		o.Lease = o.ExpiryCharge == quota.ChargeAll
		o.Forget = rapid.Bool().Draw(rt, "own")
	}
	o.Used = oneIn(rt, 6, "used")
	o.Model = rapid.SampledFrom([]string{"", "", "m1", "m1", "m2", "m3", "m1-large", "m1*", "m*", "m", "*", midModel, midModel[:9]}).Draw(rt, "model")
	o.IP = rapid.SampledFrom([]netip.Addr{
		{}, {}, {}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::7"),
	}).Draw(rt, "ip")
	return o
}
