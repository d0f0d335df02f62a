package dynamo

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/quota"
)

// The attributes of a TOKEN item that spending changes.
const (
	attrBalance        = "quota" // a map, so that one write can copy it into a record
	attrUsed           = "used"
	attrRecords        = "ops" // a map of records by quota.RecordKey
	attrBeforeReserve  = "was" // the balance before each hold, by the same keys
	attrOpenHolds      = "open"
	attrEarliestExpiry = "due"
	attrRecordLimit    = "room"
	attrRevision       = "rev"

	// In a balance. An unlimited token has the number 0 here, because a write
	// subtracts "this number, or else the amount" from what is left.
	balanceLeft      = "r"
	balanceReturned  = "b"
	balanceCharged   = "c"
	balanceUnlimited = "u"

	// In a record. A spend has recordSpent and no recordQuota; a hold has
	// recordQuota and no recordSpent. A hold that has ended with neither
	// recordCharged nor recordBeforeEnd has expired.
	recordSpent        = "s"
	recordQuota        = "q"
	recordExpires      = "x"
	recordExpiryCharge = "e" // only if it is not 0
	recordEnded        = "t"
	recordCharged      = "c"
	recordRequested    = "a" // only if it differs from what was charged
	recordBeforeEnd    = "w" // the balance before the hold was settled or released
	recordModel        = "o" // of an open hold
)

func balanceValue(b quota.Balance) types.AttributeValue {
	m := item{balanceLeft: number(b.Left), balanceReturned: number(b.Returned), balanceCharged: number(b.Charged)}
	if b.Unlimited {
		m[balanceUnlimited] = number(0)
	}
	return mapOf(m)
}

func (r *reader) balance(name string) quota.Balance {
	m := r.nested(name)
	b := quota.Balance{
		Left: m.number(balanceLeft), Returned: m.number(balanceReturned), Charged: m.number(balanceCharged),
		Unlimited: m.has(balanceUnlimited),
	}
	r.merge(m)
	return b
}

// recordValue is a record without BeforeReserve, which is stored in
// attrBeforeReserve.
func recordValue(r quota.Record) types.AttributeValue {
	if r.State == quota.StateSpent {
		return mapOf(item{recordSpent: number(r.Quota), recordEnded: number(r.EndedAt)})
	}
	m := item{recordQuota: number(r.Quota), recordExpires: number(r.ExpiresAt)}
	setPresent(m, item{recordModel: modelName(r.Model)})
	if r.ExpiryCharge != 0 {
		m[recordExpiryCharge] = number(r.ExpiryCharge)
	}
	if r.State != quota.StateOpen {
		m[recordEnded] = number(r.EndedAt)
	}
	setHoldLimits(m, r)
	if r.State == quota.StateSettled || r.State == quota.StateReleased {
		m[recordBeforeEnd] = balanceValue(r.BeforeEnd)
	}
	if r.State == quota.StateSettled {
		m[recordCharged] = number(r.Charged)
		if r.Requested != r.Charged {
			m[recordRequested] = number(r.Requested)
		}
	}
	return mapOf(m)
}

func readRecord(m *reader) quota.Record {
	r := quota.Record{
		State: quota.StateOpen, Quota: m.number(recordQuota), ExpiresAt: m.number(recordExpires), ExpiryCharge: m.number(recordExpiryCharge), Model: m.text(recordModel),
		EndedAt: m.number(recordEnded), Charged: m.number(recordCharged), Requested: m.number(recordRequested),
	}
	readHoldLimits(m, &r)
	switch {
	case m.has(recordSpent):
		r.State, r.Quota = quota.StateSpent, m.number(recordSpent)
	case m.has(recordCharged):
		r.State, r.BeforeEnd = quota.StateSettled, m.balance(recordBeforeEnd)
		if !m.has(recordRequested) {
			r.Requested = r.Charged
		}
	case m.has(recordBeforeEnd):
		r.State, r.BeforeEnd = quota.StateReleased, m.balance(recordBeforeEnd)
	case m.has(recordEnded):
		r.State = quota.StateExpired
	}
	return r
}

// readLedger reads a token with its balance and records.
func readLedger(it item, userID int64) (quota.Ledger, error) {
	r := reader{item: it}
	t := readSettings(&r, userID)
	records := map[string]quota.Record{}
	all, before := r.nested(attrRecords), r.nested(attrBeforeReserve)
	for key := range all.item {
		m := all.nested(key)
		record := readRecord(m)
		record.BeforeReserve = before.balance(key)
		all.merge(m)
		records[key] = record
	}
	r.merge(all)
	r.merge(before)
	l := quota.NewLedger(t, r.balance(attrBalance), records)
	l.EarliestExpiry, l.RecordLimit, l.Revision = r.number(attrEarliestExpiry), r.number(attrRecordLimit), r.number(attrRevision)
	l.LastMeter = r.number(attrLastMeter)
	return l, r.err
}

// ledgerItem has every attribute that spending changes, except the revision,
// and the limits if the token has any.
// A nil value means that the attribute is left out.
func ledgerItem(l quota.Ledger) item {
	records, before := item{}, item{}
	for key, r := range l.Records {
		records[key] = recordValue(r)
		if r.State != quota.StateSpent {
			before[key] = balanceValue(r.BeforeReserve)
		}
	}
	it := item{
		attrBalance:        balanceValue(l.Balance),
		attrUsed:           number(l.UsedQuota),
		attrAccessed:       number(l.AccessedTime),
		attrRecords:        mapOf(records),
		attrBeforeReserve:  mapOf(before),
		attrOpenHolds:      optionalNumber(l.OpenHolds()),
		attrEarliestExpiry: optionalNumber(l.EarliestExpiry),
		attrRecordLimit:    optionalNumber(l.RecordLimit),
		attrLastMeter:      optionalNumber(l.LastMeter),
	}
	if l.Limited() || l.WalletOrder != 0 {
		maps.Copy(it, limitItem(l.Token))
	}
	return it
}
