package dynamo

import (
	"net/netip"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// directWrite translates an operation into one write that needs no read
// before. Its condition has everything that Operation.Apply checks, and
// requires that nothing has to be compacted. It may fail where Apply would allow
// the operation; it must never hold where Apply would refuse it.
func directWrite(key credential.Key, o quota.Operation) *expression {
	e := newExpression()
	requireKey(e, key.Hash(), o.Now, o.EndsHold())
	requireNoExpiredHold(e, o.Now)
	e.set(attrAccessed, number(o.Now))
	e.add(attrRevision, 1)
	switch o.Kind {
	case quota.KindSpend:
		takeQuota(e, o)
		addUsed(e, o.Quota)
		if o.Repeatable() {
			addRecord(e, o, quota.Record{State: quota.StateSpent, Quota: o.Quota, EndedAt: o.Now})
		}
	case quota.KindReserve:
		takeQuota(e, o)
		addRecord(e, o, quota.Record{State: quota.StateOpen, Quota: o.Quota, ExpiresAt: o.ExpiresAt, ChargeOnExpiry: o.ChargeOnExpiry})
		earliest := e.name(attrEarliestExpiry)
		e.require(earliest.absent() + " OR " + earliest.atMost(o.ExpiresAt))
		e.assign(earliest, earliest.orElse(e.value(number(o.ExpiresAt))))
		e.require(e.name(attrOpenHolds).absent() + " OR " + e.name(attrOpenHolds).atMost(quota.MaxOpenHolds-1))
		e.add(attrOpenHolds, 1)
		e.assign(balanceBefore(e, o), e.name(attrBalance).placeholder)
	case quota.KindSettle:
		chargeHold(e, o)
		closeHold(e, o)
	case quota.KindRelease:
		closeHold(e, o)
	}
	return e
}

// requireNoExpiredHold requires that no expired hold still keeps its units.
func requireNoExpiredHold(e *expression, now int64) {
	e.require(e.name(attrEarliestExpiry).absent() + " OR " + e.name(attrEarliestExpiry).above(now))
}

// takeQuota subtracts the operation's units from what is left, if the key may
// be used for the operation. An unlimited token keeps what is left.
func takeQuota(e *expression, o quota.Operation) {
	unlimited, left := e.name(attrBalance, balanceUnlimited), e.name(attrBalance, balanceLeft)
	e.require(e.name(attrDisabled).absent())
	e.require(e.name(attrExpires).absent() + " OR " + e.name(attrExpires).above(o.Now))
	e.require(unlimited.exists() + " OR " + left.atLeast(max(1, o.Quota)))
	if o.Model != "" {
		e.require(e.name(attrLimits).absent() + " OR " + e.name(attrModels).containsAny(o.Model))
	}
	if o.IP.IsValid() {
		e.require(e.name(attrIPs).absent() + " OR " + e.name(attrIPs).containsAny(commonNetworks(o.IP)...))
	}
	e.assign(left, left.placeholder+" - "+unlimited.orElse(e.value(number(o.Quota))))
}

// commonNetworks lists the networks that contain an address, of the IPv6
// networks only those with a prefix length that is a multiple of 4. With all
// of them, a condition would come near DynamoDB's limit of 300 operators. If
// only another network allows the address, Operation.Apply finds it.
func commonNetworks(addr netip.Addr) []string {
	all := quota.Networks(addr)
	if addr.Unmap().Is4() {
		return all
	}
	common := []string{all[0]}         // the address itself
	for i := 1; i < len(all); i += 4 { // the prefixes, from 128 down
		common = append(common, all[i])
	}
	return common
}

// addUsed adds to the units used, unless the count would exceed
// token.MaxInteger, where it has to stop.
func addUsed(e *expression, n int64) {
	e.require(e.name(attrUsed).atMost(token.MaxInteger - n))
	e.add(attrUsed, n)
}

// addRecord records the operation's request id, if there is no record of it
// that still counts and if there is room.
func addRecord(e *expression, o quota.Operation, r quota.Record) {
	records, record := e.name(attrRecords), e.name(attrRecords, quota.RecordKey(o.RequestID))
	e.require(record.absent() + " OR " + recordAttribute(e, o, recordEnded).atMost(o.Now-quota.RecordSeconds))
	e.require(records.size().atMost(quota.FirstRecordLimit-1) + " OR " + records.size().placeholder + " < " + e.name(attrRecordLimit).placeholder)
	e.assign(record, e.value(recordValue(r)))
}

// recordAttribute is an attribute of the record of the operation's request id.
func recordAttribute(e *expression, o quota.Operation, name string) attribute {
	return e.name(attrRecords, quota.RecordKey(o.RequestID), name)
}

// balanceBefore is the balance before the operation's hold was made, or an
// attribute of it.
func balanceBefore(e *expression, o quota.Operation, name ...string) attribute {
	return e.name(append([]string{attrBeforeReserve, quota.RecordKey(o.RequestID)}, name...)...)
}

// closeHold ends an open hold and returns its units, unless the token was
// unlimited when the hold was made: then the hold took none.
func closeHold(e *expression, o quota.Operation) {
	returned, held := e.name(attrBalance, balanceReturned), recordAttribute(e, o, recordQuota)
	e.require(held.exists())
	e.require(recordAttribute(e, o, recordEnded).absent())
	e.require(recordAttribute(e, o, recordExpires).above(o.Now))
	e.assign(returned, returned.placeholder+" + "+balanceBefore(e, o, balanceUnlimited).orElse(held.placeholder))
	e.assign(recordAttribute(e, o, recordEnded), e.value(number(o.Now)))
	e.assign(recordAttribute(e, o, recordBeforeEnd), e.name(attrBalance).placeholder)
	e.add(attrOpenHolds, -1)
}

// chargeHold charges up to the units that a hold keeps. To charge more, the
// store has to read the item, to know what else is free. An unlimited token
// counts the units as used but pays nothing.
func chargeHold(e *expression, o quota.Operation) {
	unlimited, charged := e.name(attrBalance, balanceUnlimited), e.name(attrBalance, balanceCharged)
	e.require(unlimited.exists() + " OR " + balanceBefore(e, o, balanceUnlimited).absent() + " AND " + recordAttribute(e, o, recordQuota).atLeast(o.Quota))
	e.assign(charged, charged.placeholder+" + "+unlimited.orElse(e.value(number(o.Quota))))
	e.assign(recordAttribute(e, o, recordCharged), e.value(number(o.Quota)))
	addUsed(e, o.Quota)
}
