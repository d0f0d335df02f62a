package dynamo

import (
	"slices"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// countLimits adds to a direct write what an operation counts in the token's
// meters and rates. seen is the token as it was last seen, or nil if it is not
// known to have limits; the write's condition is that its settings and meters
// are still those. The record has what the operation's hold counts in. It is
// false if the operation needs a read first, for example because a window has
// to begin or a raise has ended.
func countLimits(e *expression, o quota.Operation, seen *token.Token) (hold quota.Record, ok bool) {
	if seen == nil {
		e.require(e.name(attrLimited).absent())
		return quota.Record{}, true
	}
	if seen.HasEndedRaise(o.Now) {
		return hold, false // its units are still in what is left
	}
	e.require(e.name(attrVersion).equals(seen.Version))
	if !seen.UsesWallet {
		e.require(e.name(attrWallet).absent())
	}
	switch o.Kind {
	case quota.KindSpend, quota.KindReserve:
		return countUse(e, o, seen)
	case quota.KindGrow:
		return quota.Record{}, countGrowth(e, o, seen)
	case quota.KindSettle, quota.KindRelease:
	}
	return quota.Record{}, countEnd(e, o, seen)
}

func countUse(e *expression, o quota.Operation, t *token.Token) (hold quota.Record, ok bool) {
	meters, running := runningMeters(t, o)
	if !running || o.Lease {
		return hold, false
	}
	for _, n := range meters {
		takeFromMeter(e, n, max(1, o.Quota), o.Quota)
	}
	requests, units := quota.PaceOf(t.RequestsPerMinute), quota.PaceOf(t.UnitsPerMinute)
	if requests.PerItem > 0 {
		countPace(e, attrRequestTAT, t.RequestTAT, o, requests.Cost(1), burstOf(requests, o))
	}
	if units.PerItem > 0 {
		burst := burstOf(units, o)
		if burst >= 0 && units.Cost(o.Quota) > burst {
			return hold, false
		}
		countPace(e, attrUnitTAT, t.UnitTAT, o, units.Cost(o.Quota), burst)
		hold.PerUnit, hold.MadeAt = units.PerItem, o.UnixMilli()
	}
	if o.Kind == quota.KindReserve && !o.Used && t.MaxConcurrent > 0 {
		open := e.name(attrOpenHolds)
		e.require(open.absent() + " OR " + open.atMost(t.MaxConcurrent-1))
	}
	hold.Meters = meters
	return hold, true
}

// burstOf returns the burst of a pace, or -1 if the operation may exceed it.
func burstOf(p quota.Pace, o quota.Operation) int64 {
	if o.Used {
		return -1
	}
	return p.Burst
}

// countGrowth counts what a hold grows by. Its meters must be those that the
// operation counts in now.
func countGrowth(e *expression, o quota.Operation, t *token.Token) bool {
	if o.Quota <= o.Held {
		return true
	}
	meters, running := runningMeters(t, o)
	if !running || !slices.Equal(meters, o.Meters) {
		return false
	}
	requireMeters(e, o)
	for _, n := range meters {
		takeFromMeter(e, n, max(1, o.Quota-o.Held), o.Quota-o.Held)
	}
	return correctPace(e, o, t, o.Quota)
}

// countEnd returns what a hold did not use to its meters, and corrects the rate
// of units. It needs to know the hold's units.
func countEnd(e *expression, o quota.Operation, t *token.Token) bool {
	if !o.Forget { // another process may have made the hold
		var running bool
		o.Meters, running = runningMeters(t, o)
		if !running || len(t.ModelQuotas) > 0 || o.Held == 0 || o.Quota > o.Held {
			return false
		}
		o.PerUnit = quota.PaceOf(t.UnitsPerMinute).PerItem
		e.require(recordAttribute(e, o, recordQuota).equals(o.Held))
	}
	if now, running := runningMeters(t, o); o.Quota > o.Held && (!running || !isSubset(now, o.Meters)) {
		return false
	}
	requireMeters(e, o)
	for _, n := range o.Meters {
		if !current(*t, n) {
			return false
		}
		takeFromMeter(e, n, o.Quota-o.Held, o.Quota-o.Held)
	}
	return correctPace(e, o, t, o.Quota)
}

// requireMeters requires the operation's hold to count in the meters that the
// operation says.
func requireMeters(e *expression, o quota.Operation) {
	meters := recordAttribute(e, o, recordMeters)
	if list := meterNumbers(o.Meters); list != nil {
		e.require(meters.placeholder + " = " + e.value(list))
	} else {
		e.require(meters.absent())
	}
}

// takeFromMeter subtracts units from a meter that has at least some units, or
// adds them if the number is negative.
func takeFromMeter(e *expression, n, least, units int64) {
	left := meterOf(e, n)
	if least > 0 {
		e.require(left.atLeast(least))
	} else {
		e.require(left.exists())
	}
	e.assign(left, left.placeholder+" - "+e.value(number(units)))
}

// countPace moves a theoretical arrival time ahead, if it then is at most a
// burst ahead of now; burst -1 always allows it. Whether it is in the past
// decides what it is added to, so the write guesses that from the last time.
func countPace(e *expression, attr string, last int64, o quota.Operation, cost, burst int64) {
	now, tat := o.UnixNano(), e.name(attr)
	if last < now {
		e.require(tat.absent() + " OR " + tat.atMost(now))
		e.assign(tat, e.value(number(now+cost)))
		return
	}
	e.require(tat.atLeast(now))
	if burst >= 0 {
		e.require(tat.atMost(now + burst - cost))
	}
	e.assign(tat, tat.placeholder+" + "+e.value(number(cost)))
}

// correctPace corrects the rate of units for a hold that is charged another
// number of units than it has.
func correctPace(e *expression, o quota.Operation, t *token.Token, charged int64) bool {
	if t.UnitsPerMinute == 0 {
		return true
	}
	perUnit := recordAttribute(e, o, recordPerUnit)
	if o.PerUnit == 0 {
		e.require(perUnit.absent())
		return true
	}
	e.require(perUnit.equals(o.PerUnit))
	e.require(recordAttribute(e, o, recordMadeAt).equals(o.MadeAt))
	if !t.CountsUnits(o.MadeAt) {
		return true
	}
	if more := charged - o.Held; more > 0 {
		countPace(e, attrUnitTAT, t.UnitTAT, o, quota.Pace{PerItem: o.PerUnit}.Cost(more), -1)
		return true
	}
	tat := e.name(attrUnitTAT)
	e.require(tat.exists())
	e.assign(tat, tat.placeholder+" - "+e.value(number(quota.UnitsBack(o.PerUnit, o.Held-charged, o.MadeAt, o.UnixNano()))))
	return true
}

// runningMeters returns the meters that a use of the operation's model counts
// in. It is false if one of them has to begin.
func runningMeters(t *token.Token, o quota.Operation) ([]int64, bool) {
	var numbers []int64
	for _, w := range t.Windows {
		if w.Number == 0 || w.EndsAt <= o.Now {
			return nil, false
		}
		numbers = append(numbers, w.Number)
	}
	for _, q := range t.ModelQuotas {
		if o.Model == "" || !token.MatchesModel(q.Model, o.Model) {
			continue
		}
		if q.Number == 0 {
			return nil, false
		}
		numbers = append(numbers, q.Number)
	}
	if b := t.Block; t.UsesWallet {
		if b.Number == 0 || b.EndsAt != 0 && b.EndsAt <= o.Now {
			return nil, false
		}
		numbers = append(numbers, b.Number)
	}
	return numbers, true
}

// current reports whether a meter is one that a token has now. What is returned
// to another vanishes.
func current(t token.Token, n int64) bool {
	return t.Block.Number == n || slices.ContainsFunc(t.Windows, func(w token.Window) bool { return w.Number == n }) ||
		slices.ContainsFunc(t.ModelQuotas, func(q token.ModelQuota) bool { return q.Number == n })
}

func isSubset(some, of []int64) bool {
	return !slices.ContainsFunc(some, func(n int64) bool { return !slices.Contains(of, n) })
}
