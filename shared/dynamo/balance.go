package dynamo

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/quota"
)

// The attributes of a token that spending moves. The balance is a map, so
// that one write can keep a copy of it, as it was, beside a record.
const (
	attrBalance  = "quota"
	attrUsed     = "used"
	attrRecords  = "ops" // by token.RecordKey, a map each
	attrBefore   = "was" // the balance before each hold, by the same keys
	attrOpen     = "open"
	attrDue      = "due"
	attrRoom     = "room"
	attrRevision = "rev"

	// Of a balance. The mark of an unlimited token is the number 0: a write
	// takes "this, or else the amount" from what is left.
	balanceLeft      = "r"
	balanceBack      = "b"
	balanceCost      = "c"
	balanceUnlimited = "u"

	// Of a record. A spend has no quota, a hold no spent. With ended and
	// neither charged nor closing, a hold has lapsed.
	recordSpent   = "s"
	recordQuota   = "q"
	recordUntil   = "x"
	recordLease   = "l"
	recordEnded   = "t"
	recordCharged = "c"
	recordAsked   = "a" // where it is not what was charged
	recordClosing = "w" // the balance before it was settled or released
)

func balanceItem(b quota.Balance) types.AttributeValue {
	m := item{balanceLeft: number(b.Left), balanceBack: number(b.Returned), balanceCost: number(b.Charged)}
	if b.Unlimited {
		m[balanceUnlimited] = number(0)
	}
	return &types.AttributeValueMemberM{Value: m}
}

func (r *reader) balance(name string) quota.Balance {
	m := r.inner(name)
	b := quota.Balance{
		Left: m.number(balanceLeft), Returned: m.number(balanceBack), Charged: m.number(balanceCost),
		Unlimited: m.has(balanceUnlimited),
	}
	r.join(m)
	return b
}

// recordItem writes a record; what was before a hold stands elsewhere.
func recordItem(r quota.Record) types.AttributeValue {
	m := item{}
	if r.State == quota.StateSpent {
		m[recordSpent], m[recordEnded] = number(r.Quota), number(r.EndedAt)
		return &types.AttributeValueMemberM{Value: m}
	}
	m[recordQuota], m[recordUntil] = number(r.Quota), number(r.ExpiresAt)
	if r.ChargeOnExpiry {
		m[recordLease] = flag(true)
	}
	if r.State != quota.StateOpen {
		m[recordEnded] = number(r.EndedAt)
	}
	if r.State == quota.StateSettled || r.State == quota.StateReleased {
		m[recordClosing] = balanceItem(r.BeforeEnd)
	}
	if r.State == quota.StateSettled {
		m[recordCharged] = number(r.Charged)
		if r.Requested != r.Charged {
			m[recordAsked] = number(r.Requested)
		}
	}
	return &types.AttributeValueMemberM{Value: m}
}

func readRecord(m *reader) quota.Record {
	r := quota.Record{
		State: quota.StateOpen, Quota: m.number(recordQuota), ExpiresAt: m.number(recordUntil), ChargeOnExpiry: m.flag(recordLease),
		EndedAt: m.number(recordEnded), Charged: m.number(recordCharged), Requested: m.number(recordAsked),
	}
	switch {
	case m.has(recordSpent):
		r.State, r.Quota = quota.StateSpent, m.number(recordSpent)
	case m.has(recordCharged):
		r.State, r.BeforeEnd = quota.StateSettled, m.balance(recordClosing)
		if !m.has(recordAsked) {
			r.Requested = r.Charged
		}
	case m.has(recordClosing):
		r.State, r.BeforeEnd = quota.StateReleased, m.balance(recordClosing)
	case m.has(recordEnded):
		r.State = quota.StateExpired
	}
	return r
}

// readLedger reads a token with all that its units do.
func readLedger(it item, userID int64) (quota.Ledger, error) {
	r := reader{item: it}
	t := readFields(&r, userID)
	records := map[string]quota.Record{}
	all, before := r.inner(attrRecords), r.inner(attrBefore)
	for key := range all.item {
		m := all.inner(key)
		record := readRecord(m)
		record.BeforeReserve = before.balance(key)
		all.join(m)
		records[key] = record
	}
	r.join(all)
	r.join(before)
	l := quota.NewLedger(t, r.balance(attrBalance), records)
	l.EarliestExpiry, l.RecordLimit, l.Revision = r.number(attrDue), r.number(attrRoom), r.number(attrRevision)
	return l, r.err
}

// ledgerItem writes all that spending moves, but for the revision; nil is
// left out.
func ledgerItem(l quota.Ledger) item {
	records, before := item{}, item{}
	for key, r := range l.Records {
		records[key] = recordItem(r)
		if r.State != quota.StateSpent {
			before[key] = balanceItem(r.BeforeReserve)
		}
	}
	return item{
		attrBalance:  balanceItem(l.Balance),
		attrUsed:     number(l.UsedQuota),
		attrAccessed: number(l.AccessedTime),
		attrRecords:  &types.AttributeValueMemberM{Value: records},
		attrBefore:   &types.AttributeValueMemberM{Value: before},
		attrOpen:     positive(l.OpenHolds()),
		attrDue:      positive(l.EarliestExpiry),
		attrRoom:     positive(l.RecordLimit),
	}
}

// positive is a number, left out if it is 0.
func positive(n int64) types.AttributeValue {
	if n == 0 {
		return nil
	}
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
