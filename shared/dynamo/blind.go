package dynamo

import (
	"net/netip"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// blind writes an operation as one write that needs no look at the item
// before. Its condition says all that Operation.Apply would ask, and that
// there is nothing to tidy up; where it fails, Apply has the word. It must
// never hold where Apply would refuse.
func blind(key credential.Key, o quota.Operation) *expression {
	e := newExpression()
	requireKey(e, key.Hash(), o.Now, o.EndsHold())
	requireNoneDue(e, o.Now)
	e.set(attrAccessed, number(o.Now))
	e.add(attrRevision, 1)
	switch o.Kind {
	case quota.KindSpend:
		take(e, o)
		use(e, o.Quota)
		if o.Repeatable() {
			record(e, o, quota.Record{State: quota.StateSpent, Quota: o.Quota, EndedAt: o.Now})
		}
	case quota.KindReserve:
		take(e, o)
		record(e, o, quota.Record{State: quota.StateOpen, Quota: o.Quota, ExpiresAt: o.ExpiresAt, ChargeOnExpiry: o.ChargeOnExpiry})
		due := e.name(attrDue)
		e.require(due.absent() + " OR " + due.atMost(o.ExpiresAt))
		e.assign(due, due.orElse(e.value(number(o.ExpiresAt))))
		e.require(e.name(attrOpen).absent() + " OR " + e.name(attrOpen).atMost(quota.MaxOpenHolds-1))
		e.add(attrOpen, 1)
		e.assign(before(e, o), e.name(attrBalance).hash)
	case quota.KindSettle:
		settle(e, o)
		end(e, o)
	case quota.KindRelease:
		end(e, o)
	}
	return e
}

// requireNoneDue: no hold has lapsed that still keeps its units.
func requireNoneDue(e *expression, now int64) {
	e.require(e.name(attrDue).absent() + " OR " + e.name(attrDue).above(now))
}

// take moves units out of what is left, of a key that may do what is asked.
func take(e *expression, o quota.Operation) {
	unlimited, left := e.name(attrBalance, balanceUnlimited), e.name(attrBalance, balanceLeft)
	e.require(e.name(attrOff).absent())
	e.require(e.name(attrExpires).absent() + " OR " + e.name(attrExpires).above(o.Now))
	e.require(unlimited.exists() + " OR " + left.atLeast(max(1, o.Quota)))
	if o.Model != "" {
		e.require(e.name(attrLimits).absent() + " OR " + e.name(attrModels).holds(o.Model))
	}
	if o.IP.IsValid() {
		e.require(e.name(attrIPs).absent() + " OR " + e.name(attrIPs).holds(usualNetworks(o.IP)...))
	}
	e.assign(left, left.hash+" - "+unlimited.orElse(e.value(number(o.Quota))))
}

// usualNetworks are the entries that let an address in, of IPv6 those alone
// whose length is a multiple of 4: with all of them a condition comes near the
// 300 operators that DynamoDB takes. Where another one lets the address in,
// Apply finds it.
func usualNetworks(addr netip.Addr) []string {
	all := quota.Networks(addr)
	if addr.Unmap().Is4() {
		return all
	}
	usual := []string{all[0]}          // the address itself
	for i := 1; i < len(all); i += 4 { // the prefixes, from 128 down
		usual = append(usual, all[i])
	}
	return usual
}

// use counts units as used, below the number at which the count stays.
func use(e *expression, n int64) {
	e.require(e.name(attrUsed).atMost(token.MaxInteger - n))
	e.add(attrUsed, n)
}

// record remembers a request id that is not remembered, where there is room.
func record(e *expression, o quota.Operation, r quota.Record) {
	records, mine := e.name(attrRecords), e.name(attrRecords, quota.RecordKey(o.RequestID))
	e.require(mine.absent() + " OR " + e.name(attrRecords, quota.RecordKey(o.RequestID), recordEnded).atMost(o.Now-quota.RecordSeconds))
	e.require(records.size().atMost(quota.FirstRecordLimit-1) + " OR " + records.size().hash + " < " + e.name(attrRoom).hash)
	e.assign(mine, e.value(recordItem(r)))
}

// ofRecord is an attribute of the operation's record; before, the balance
// before its hold was made.
func ofRecord(e *expression, o quota.Operation, name string) attribute {
	return e.name(attrRecords, quota.RecordKey(o.RequestID), name)
}

func before(e *expression, o quota.Operation, name ...string) attribute {
	return e.name(append([]string{attrBefore, quota.RecordKey(o.RequestID)}, name...)...)
}

// end closes an open hold and puts what it kept into back: nothing, where the
// token was unlimited when it was made.
func end(e *expression, o quota.Operation) {
	back, held := e.name(attrBalance, balanceBack), ofRecord(e, o, recordQuota)
	e.require(held.exists())
	e.require(ofRecord(e, o, recordEnded).absent())
	e.require(ofRecord(e, o, recordUntil).above(o.Now))
	e.assign(back, back.hash+" + "+before(e, o, balanceUnlimited).orElse(held.hash))
	e.assign(ofRecord(e, o, recordEnded), e.value(number(o.Now)))
	e.assign(ofRecord(e, o, recordClosing), e.name(attrBalance).hash)
	e.add(attrOpen, -1)
}

// settle charges what a hold covers; more than that takes a look at what else
// is free. An unlimited token's charge is counted and costs nothing.
func settle(e *expression, o quota.Operation) {
	unlimited, cost := e.name(attrBalance, balanceUnlimited), e.name(attrBalance, balanceCost)
	e.require(unlimited.exists() + " OR " + before(e, o, balanceUnlimited).absent() + " AND " + ofRecord(e, o, recordQuota).atLeast(o.Quota))
	e.assign(cost, cost.hash+" + "+unlimited.orElse(e.value(number(o.Quota))))
	e.assign(ofRecord(e, o, recordCharged), e.value(number(o.Quota)))
	use(e, o.Quota)
}
