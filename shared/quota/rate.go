package quota

import (
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// maxDebt bounds how far one operation can move the rate of units ahead.
const maxDebt = int64(24 * time.Hour)

// A Pace is a rate as the generic cell rate algorithm (GCRA, ITU-T I.371) counts
// it: each request or unit takes perItem nanoseconds, and after a pause as many
// as the rate allows in a minute can come at once. PerItem is rounded up, so the
// rate is never exceeded.
type Pace struct {
	PerItem int64 // nanoseconds; 0 is no limit
	Burst   int64 // nanoseconds
}

// PaceOf returns the pace of a rate per minute; 0 is no limit.
func PaceOf(perMinute int64) Pace {
	if perMinute == 0 {
		return Pace{}
	}
	perItem := (int64(time.Minute) + perMinute - 1) / perMinute
	return Pace{perItem, perItem * perMinute}
}

// Cost returns the nanoseconds that n items take, at most maxDebt.
func (p Pace) Cost(n int64) int64 {
	if p.PerItem == 0 || n > maxDebt/p.PerItem {
		return min(p.PerItem, 1) * maxDebt
	}
	return n * p.PerItem
}

// after returns the theoretical arrival time after n more items at a time in
// Unix nanoseconds. If they come too early, wait is how much too early, in
// nanoseconds. More items than a burst can never come: wait is -1.
func (p Pace) after(tat, n, now int64) (next, wait int64) {
	next = max(tat, now) + p.Cost(n)
	switch {
	case p.PerItem == 0:
		return 0, 0
	case p.Cost(n) > p.Burst:
		return next, -1
	default:
		return next, max(0, next-now-p.Burst)
	}
}

// Left returns how many items can come at a time in Unix nanoseconds, and the
// time until a whole burst can.
func (p Pace) Left(tat, now int64) (items int64, full time.Duration) {
	behind := max(0, tat-now)
	return max(0, p.Burst-behind) / p.PerItem, time.Duration(behind)
}

// A rateCheck is one of a token's rates with what an operation adds to it.
type rateCheck struct {
	scope string
	pace  Pace
	tat   int64
	items int64
}

func rateChecks(t token.Token, units int64) [2]rateCheck {
	return [...]rateCheck{
		{ScopeRequests, PaceOf(t.RequestsPerMinute), t.RequestTAT, 1},
		{ScopeUnits, PaceOf(t.UnitsPerMinute), t.UnitTAT, units},
	}
}

// checkRates returns a RefusedError if a spend or a reservation of units comes
// too early at a time in Unix nanoseconds.
func checkRates(t token.Token, units, now int64) error {
	for _, c := range rateChecks(t, units) {
		_, wait := c.pace.after(c.tat, c.items, now)
		switch {
		case wait < 0:
			return RefusedError{Reason{Refusal: RefusedRate, Scope: c.scope}}
		case wait > 0:
			return RefusedError{Reason{Refusal: RefusedRate, Scope: c.scope, RetryAfter: time.Duration(wait)}}
		}
	}
	return nil
}

// countRates counts a spend or a reservation of units in the token's rates. It
// returns the nanoseconds that each unit took, 0 if there is no rate of units.
func countRates(t *token.Token, units, now int64) (perUnit int64) {
	checks := rateChecks(*t, units)
	t.RequestTAT, _ = checks[0].pace.after(t.RequestTAT, 1, now)
	t.UnitTAT, _ = checks[1].pace.after(t.UnitTAT, units, now)
	return checks[1].pace.PerItem
}

// correctUnits corrects the rate of units for a hold that was charged more or
// fewer units than it had. More units than the rate allows are not refused, but
// the next requests wait for them.
func correctUnits(t *token.Token, r Record, charged, now int64) {
	switch more := charged - r.Quota; {
	case r.PerUnit == 0 || !t.CountsUnits(r.MadeAt):
	case more > 0:
		t.UnitTAT = max(t.UnitTAT, now) + Pace{PerItem: r.PerUnit}.Cost(more)
	default:
		t.UnitTAT -= UnitsBack(r.PerUnit, -more, r.MadeAt, now)
	}
}

// UnitsBack returns how many nanoseconds the rate of units gets back at a time
// in Unix nanoseconds for the unused units of a hold, which was made at a time
// in Unix milliseconds and counted perUnit nanoseconds for each. The time since then is not given back:
// without the unused units the rate might have idled in that time, and then it
// would have recovered by as much.
func UnitsBack(perUnit, unused, madeAt, now int64) int64 {
	return max(0, Pace{PerItem: perUnit}.Cost(unused)-max(0, now-madeAt*int64(time.Millisecond)))
}
