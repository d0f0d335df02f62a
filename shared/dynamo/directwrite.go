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
// the operation; it must never hold where Apply would refuse it or change nothing.
//
// For a token with limits beside its lifetime quota, the write depends on how
// the token was last seen. It is nil if such a token needs a read first, or if
// there seems to be nothing to write.
func directWrite(key credential.Key, o quota.Operation, seen *token.Token) *expression {
	if o.Kind == quota.KindGrow && o.Quota <= o.Held && o.ExpiryCharge == 0 && o.ExpiresAt == 0 {
		return nil // nothing to write, if the hold has o.Held units
	}
	e := newExpression()
	hold, ok := countLimits(e, o, seen)
	if !ok {
		return nil
	}
	requireKey(e, key.Hash(), o.Now, !o.NeedsPermission())
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
		hold.State, hold.Quota, hold.ExpiresAt, hold.ExpiryCharge, hold.Model = quota.StateOpen, o.Quota, o.ExpiresAt, o.ExpiryCharge, o.Model
		addRecord(e, o, hold)
		earliest := e.name(attrEarliestExpiry)
		e.require(earliest.absent() + " OR " + earliest.atMost(o.ExpiresAt))
		e.assign(earliest, earliest.orElse(e.value(number(o.ExpiresAt))))
		e.require(e.name(attrOpenHolds).absent() + " OR " + e.name(attrOpenHolds).atMost(quota.MaxOpenHolds-1))
		e.add(attrOpenHolds, 1)
		e.assign(balanceBefore(e, o), e.name(attrBalance).placeholder)
	case quota.KindSettle, quota.KindRelease:
		endHold(e, o)
	case quota.KindGrow:
		growHold(e, o)
	}
	return e
}

func endHold(e *expression, o quota.Operation) {
	requireOpen(e, o)
	switch {
	case o.Forget:
		forgetHold(e, o)
	case o.Kind == quota.KindSettle:
		chargeHold(e, o)
		closeHold(e, o)
	default:
		closeHold(e, o)
	}
	e.add(attrOpenHolds, -1)
}

// requireNoExpiredHold requires that no expired hold still keeps its units.
func requireNoExpiredHold(e *expression, now int64) {
	e.require(e.name(attrEarliestExpiry).absent() + " OR " + e.name(attrEarliestExpiry).above(now))
}

// takeQuota subtracts the operation's units from what is left, if the key may
// be used for the operation. An unlimited token keeps what is left.
func takeQuota(e *expression, o quota.Operation) {
	requireAllowed(e, o)
	unlimited, left := e.name(attrBalance, balanceUnlimited), e.name(attrBalance, balanceLeft)
	e.require(unlimited.exists() + " OR " + left.atLeast(max(1, o.Quota)))
	e.assign(left, left.placeholder+" - "+unlimited.orElse(e.value(number(o.Quota))))
}

// requireAllowed requires that the key may be used for the operation, whatever
// is left.
func requireAllowed(e *expression, o quota.Operation) {
	if !o.NeedsPermission() {
		return
	}
	e.require(e.name(attrDisabled).absent())
	e.require(e.name(attrStopped).absent())
	e.require(e.name(attrExpires).absent() + " OR " + e.name(attrExpires).above(o.Now))
	if o.Used {
		return
	}
	if o.Model != "" {
		e.require(e.name(attrLimits).absent() + " OR " + e.name(attrModels).containsAny(commonModelEntries(o.Model)...))
	}
	if o.IP.IsValid() {
		e.require(e.name(attrIPs).absent() + " OR " + e.name(attrIPs).containsAny(commonNetworks(o.IP)...))
	}
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
// that still counts and if there is room. A record that will be forgotten needs
// no room: it is gone before compacting could drop it.
func addRecord(e *expression, o quota.Operation, r quota.Record) {
	record := e.name(attrRecords, quota.RecordKey(o.RequestID))
	e.require(record.absent() + " OR " + recordAttribute(e, o, recordEnded).atMost(o.Now-quota.RecordSeconds))
	if !o.Forget {
		records := e.name(attrRecords)
		e.require(records.size().atMost(quota.FirstRecordLimit-1) + " OR " + records.size().placeholder + " < " + e.name(attrRecordLimit).placeholder)
	}
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

// requireOpen requires an open hold with the operation's request id.
func requireOpen(e *expression, o quota.Operation) {
	e.require(recordAttribute(e, o, recordQuota).exists())
	e.require(recordAttribute(e, o, recordEnded).absent())
	e.require(recordAttribute(e, o, recordExpires).above(o.Now))
}

// closeHold ends a hold and returns its units, unless the token was unlimited
// when the hold was made: then the hold took none.
func closeHold(e *expression, o quota.Operation) {
	returned, held := e.name(attrBalance, balanceReturned), recordAttribute(e, o, recordQuota)
	e.assign(returned, returned.placeholder+" + "+balanceBefore(e, o, balanceUnlimited).orElse(held.placeholder))
	e.assign(recordAttribute(e, o, recordEnded), e.value(number(o.Now)))
	e.assign(recordAttribute(e, o, recordBeforeEnd), e.name(attrBalance).placeholder)
	e.remove(recordAttribute(e, o, recordModel))
}

// forgetHold charges a hold and drops its record. The caller knows how many
// units it has, so what is left changes at once, and nothing has to be compacted
// later.
func forgetHold(e *expression, o quota.Operation) {
	moveHeld(e, o, o.Held-o.Quota)
	if o.Kind == quota.KindSettle {
		addUsed(e, o.Quota)
	}
	e.remove(e.name(attrRecords, quota.RecordKey(o.RequestID)))
	e.remove(balanceBefore(e, o))
}

// growHold raises a hold from o.Held to o.Quota units, what it is charged if it expires,
// and when it does. One of them must become larger.
func growHold(e *expression, o quota.Operation) {
	requireAllowed(e, o)
	requireOpen(e, o)
	units, more := recordAttribute(e, o, recordQuota), int64(1) // than before
	if o.Quota > o.Held {
		moveHeld(e, o, o.Held-o.Quota)
		e.assign(units, e.value(number(o.Quota)))
		more = 0
	} else {
		e.require(units.atLeast(o.Quota))
	}
	if o.ExpiresAt > 0 {
		expires := recordAttribute(e, o, recordExpires)
		e.require(expires.atMost(o.ExpiresAt - more))
		e.assign(expires, e.value(number(o.ExpiresAt)))
		more = 0
	}
	if o.ExpiryCharge > 0 {
		charge := recordAttribute(e, o, recordExpiryCharge)
		e.require(charge.absent() + " OR " + charge.atMost(o.ExpiryCharge-more))
		e.assign(charge, e.value(number(o.ExpiryCharge)))
	}
}

// moveHeld adds units to what is left, or subtracts them if back is negative,
// provided that the hold has o.Held units, and that the token is as limited as
// when the hold was made. An unlimited token keeps what is left.
func moveHeld(e *expression, o quota.Operation, back int64) {
	unlimited, before, left := e.name(attrBalance, balanceUnlimited), balanceBefore(e, o, balanceUnlimited), e.name(attrBalance, balanceLeft)
	e.require(recordAttribute(e, o, recordQuota).equals(o.Held))
	limited := unlimited.absent() + " AND " + before.absent()
	if back < 0 {
		limited += " AND " + left.atLeast(-back)
	}
	e.require(limited + " OR " + unlimited.exists() + " AND " + before.exists())
	e.assign(left, left.placeholder+" + "+unlimited.orElse(e.value(number(back))))
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
