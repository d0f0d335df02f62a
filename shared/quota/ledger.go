// Package quota defines how a token's quota is spent, reserved, settled and
// released. An Operation computes the next Ledger of a token; a Store reads and
// writes ledgers.
package quota

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// How many records a ledger keeps. Each record makes every write of the token
// larger: a spend by about 25 bytes, a hold by about 90.
const (
	// MaxOpenHolds is the largest number of open holds of one token.
	MaxOpenHolds = token.MaxOpenHolds
	// MaxHoldSeconds is the longest time from a reservation or a renewal to the expiry of its
	// hold.
	MaxHoldSeconds = 60 * 60
	// RecordSeconds is how long the newest records are kept after their
	// request ended.
	RecordSeconds = 15 * 60

	newestRecords = 16 // how many records of spends and of ended holds count as the newest

	// How long the other records are kept, and how many of them. If a spend is
	// repeated after its record was dropped, it is charged again. A repeated
	// settlement is not, because its hold is no longer found. The record of a
	// hold that expired tells a caller that its settlement did not succeed.
	spendRecordSeconds, maxSpendRecords     = 30, 256
	holdRecordSeconds, maxHoldRecords       = 10, 64
	expiredRecordSeconds, maxExpiredRecords = 60, 64

	// FirstRecordLimit is the RecordLimit of a ledger that was never compacted.
	// maxRecordLimit is the largest RecordLimit.
	FirstRecordLimit = 2 * newestRecords
	maxRecordLimit   = 512

	// ChargeAll, as what a hold is charged if it expires, means all of its units,
	// however far it grows.
	ChargeAll = token.MaxInteger
)

// A Balance says where a token's units are. A hold that ends adds its units to
// Returned and its cost to Charged; Compact moves the difference to Left. These
// are three fields so that a store can end a hold in one write without reading
// first.
type Balance struct {
	Left      int64 // free units, without the two below
	Returned  int64 // units of holds that ended
	Charged   int64 // units charged for those holds
	Unlimited bool  // units are counted, but never run out
}

// Free returns the units that can be spent or reserved. It can exceed
// token.MaxInteger if quota was raised while holds were open; results then say
// token.MaxInteger.
func (b Balance) Free() int64 { return b.Left + b.Returned - b.Charged }

// debit takes units from the balance, unless the token is unlimited.
func (b Balance) debit(n int64) Balance {
	if !b.Unlimited {
		b.Left -= n
	}
	return b
}

// debited returns how many units debit(n) takes.
func (b Balance) debited(n int64) int64 {
	if b.Unlimited {
		return 0
	}
	return n
}

// A State is what became of the units of a request.
type State int

// The states.
const (
	StateSpent    State = iota + 1 // spent at once, without a hold
	StateOpen                      // held
	StateSettled                   // held, then charged
	StateReleased                  // held, then returned without a charge
	StateExpired                   // held until the hold expired
)

// A Record is what a ledger remembers of one request id. Times are Unix
// seconds.
type Record struct {
	State         State
	Quota         int64 // units asked for
	ExpiresAt     int64 // of a hold: when it stops counting
	ExpiryCharge  int64 // of a hold: if it expires, up to so many of its units are charged, and the others are returned
	EndedAt       int64 // when the units were spent, settled or released, or when the hold expired
	Requested     int64 // units that a settlement asked to charge
	Charged       int64 // units that it charged
	BeforeReserve Balance
	BeforeEnd     Balance // before the settlement or the release
	Meters        []int64 // of a hold: the numbers of the token's meters that it counts in
	PerUnit       int64   // of a hold: nanoseconds that each unit took in the rate of units; 0 if there was none
	MadeAt        int64   // of a hold with PerUnit: when it was made, in Unix milliseconds
	Model         string  // of an open hold: the model that the reservation named
}

// Open reports whether the record's hold has not ended. A hold that has expired
// counts as open until Ledger.Compact.
func (r Record) Open() bool { return r.State == StateOpen }

// endError returns how the record's hold has ended, as an error. It is nil unless
// the hold has ended.
func (r Record) endError() error {
	switch r.State {
	case StateSettled:
		return ErrHoldSettled
	case StateReleased:
		return ErrHoldReleased
	case StateExpired:
		return ErrorOfExpiry(r.ChargedOnExpiry())
	case StateSpent, StateOpen:
	}
	return nil
}

// Debited returns how many units the record's hold took from the balance.
func (r Record) Debited() int64 { return r.BeforeReserve.debited(r.Quota) }

// ChargedOnExpiry returns how many units of the record's hold are charged if it
// expires.
func (r Record) ChargedOnExpiry() int64 { return min(r.ExpiryCharge, r.Quota) }

// A Ledger is a token with everything about its units. The token's RemainQuota,
// UnlimitedQuota and Holds always agree with the other fields.
type Ledger struct {
	token.Token
	Balance        Balance
	Records        map[string]Record // by RecordKey
	EarliestExpiry int64             // Unix seconds: no open hold expires earlier; 0 if no hold is open
	LastMeter      int64             // the highest number of a meter so far
	RecordLimit    int64             // with this many records, the next write must compact; 0 is FirstRecordLimit
	Revision       int64             // plus 1 with every write of the ledger
	Uncertain      bool              // in the result of an operation: an attempt got no answer, so a copy of it may still arrive
}

// RecordKey returns the key of a request id's record: 64 bits of its SHA-256, as
// 13 letters and digits.
func RecordKey(requestID string) string {
	sum := sha256.Sum256([]byte(requestID))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:8]))
}

// OpenHolds returns the number of records in StateOpen. Those of holds that have
// expired count until Compact.
func (l Ledger) OpenHolds() int64 {
	var n int64
	for _, r := range l.Records {
		if r.State == StateOpen {
			n++
		}
	}
	return n
}

// HasExpiredHold reports whether an open hold may have expired by a Unix second,
// so that its units are still to be returned.
func (l Ledger) HasExpiredHold(now int64) bool {
	return l.EarliestExpiry != 0 && l.EarliestExpiry <= now
}

// Compact returns the ledger at a Unix second in its simplest form: the units of
// expired holds are charged or returned, raises that have ended are removed, all
// free units are in Balance.Left, and old records and a key that is no longer shown
// are dropped. It does not change l.
func (l Ledger) Compact(now int64) Ledger {
	l.Records = maps.Clone(l.Records)
	if l.Records == nil {
		l.Records = map[string]Record{}
	}
	l.Windows, l.ModelQuotas = slices.Clone(l.Windows), slices.Clone(l.ModelQuotas)
	l.Balance = Balance{Left: l.Balance.Free(), Unlimited: l.Balance.Unlimited}
	l.EarliestExpiry = 0
	l.endRaises(now)
	if l.SealedKey.Until <= now {
		l.SealedKey = token.SealedKey{}
	}
	for key, r := range l.Records {
		switch {
		case r.State != StateOpen:
		case r.ExpiresAt > now:
			if l.EarliestExpiry == 0 || r.ExpiresAt < l.EarliestExpiry {
				l.EarliestExpiry = r.ExpiresAt
			}
		default:
			charged := r.ChargedOnExpiry()
			l.UsedQuota = token.AddSaturated(l.UsedQuota, charged)
			l.Balance.Left += r.BeforeReserve.debited(r.Quota - charged)
			take(l.metersOf(r), charged-r.Quota)
			r.State, r.EndedAt, r.Model = StateExpired, r.ExpiresAt, ""
			l.Records[key] = r
		}
	}
	l.dropRecords(now)
	n := int64(len(l.Records))
	l.RecordLimit = min(n+max(newestRecords, n/4), maxRecordLimit)
	return l.syncToken()
}

// ChargeOpenHolds returns the compacted ledger with every open hold charged if it
// expires. It is for a token that is about to forget a key with which some of
// them were made.
func (l Ledger) ChargeOpenHolds(now int64) Ledger {
	l = l.Compact(now)
	for key, r := range l.Records {
		if r.State == StateOpen {
			r.ExpiryCharge = ChargeAll
			l.Records[key] = r
		}
	}
	return l.syncToken()
}

// dropRecords drops old records of spends and of ended holds from l.Records.
func (l Ledger) dropRecords(now int64) {
	ended := l.keys(false) // newest first
	slices.SortFunc(ended, func(a, b string) int {
		return cmp.Or(cmp.Compare(l.Records[b].EndedAt, l.Records[a].EndedAt), strings.Compare(a, b))
	})
	spends, holds, expired := 0, 0, 0
	for i, key := range ended {
		count, limit, seconds := &holds, maxHoldRecords, int64(holdRecordSeconds)
		switch l.Records[key].State {
		case StateSpent:
			count, limit, seconds = &spends, maxSpendRecords, spendRecordSeconds
		case StateExpired:
			count, limit, seconds = &expired, maxExpiredRecords, expiredRecordSeconds
		case StateOpen, StateSettled, StateReleased:
		}
		*count++
		age := now - l.Records[key].EndedAt
		if age >= RecordSeconds || i >= newestRecords && (*count > limit || age >= seconds) {
			delete(l.Records, key)
		}
	}
}

// syncToken sets the token's fields from the balance and the records.
func (l Ledger) syncToken() Ledger {
	l.RemainQuota, l.UnlimitedQuota = l.Balance.Free(), l.Balance.Unlimited
	l.Holds = nil
	open := l.keys(true)
	slices.Sort(open)
	for _, key := range open {
		r := l.Records[key]
		l.Holds = append(l.Holds, token.Hold{Quota: r.Quota, Debited: r.Debited(), ExpiresAt: r.ExpiresAt, ExpiryCharge: r.ChargedOnExpiry(), Meters: r.Meters})
	}
	return l
}

// keys returns the keys of the open records, or of the others, in no order.
func (l Ledger) keys(open bool) []string {
	var keys []string
	for key, r := range l.Records {
		if open == (r.State == StateOpen) {
			keys = append(keys, key)
		}
	}
	return keys
}

// NewLedger returns the ledger of a token with a balance and records.
func NewLedger(t token.Token, b Balance, records map[string]Record) Ledger {
	return Ledger{Token: t, Balance: b, Records: records}.syncToken()
}

// MustCompactFor reports whether the ledger must be compacted before
// Balance.Left alone can decide if a change is allowed.
func (l Ledger) MustCompactFor(c token.Change) bool {
	if !c.Versions.Allow(l.Version) {
		return false // the change is refused whatever is free
	}
	b := l.Balance
	return c.DependsOnQuota() && (l.HasExpiredHold(c.Now) || l.HasEndedRaise(c.Now)) || c.NeedsUsable && b.Left <= 0 && b.Returned > 0 ||
		c.QuotaDelta != nil && b.Returned != b.Charged && token.DeltaFits(b.Free(), *c.QuotaDelta)
}
