// Package quota holds the rules of a token's quota: what may be spent, held,
// settled and released, and what an answer to each says. It moves no data: a
// Store does.
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

// How much a token remembers. Each record makes its item, and so every write
// of it, larger: a spend by some 25 bytes, a hold by some 90.
const (
	// MaxOpenHolds is how many holds of one token can be open at a time.
	MaxOpenHolds = 50
	// Remembered is the seconds for which a request id is known after its
	// request has ended, if it is among the newest.
	RecordSeconds = 15 * 60

	newestRecords = 16 // of all that have ended

	// For how many seconds the others are known, and how many at the most. A
	// spend that is sent again once it is forgotten is charged again, a
	// settlement is not.
	spendRecordSeconds, maxSpendRecords = 30, 256
	holdRecordSeconds, maxHoldRecords   = 10, 64

	// FirstRoom and roomMost bound how many records may come together before
	// the next write tidies them up.
	FirstRecordLimit = 2 * newestRecords
	maxRecordLimit   = 512
)

// A Balance is where a token's units are. A hold that is settled for less
// than it held leaves the difference in Back - Cost, until somebody tidies
// up: the store can't add both to Left in one write without reading first.
type Balance struct {
	Left      int64 // free for sure
	Returned  int64 // what holds that are settled had held
	Charged   int64 // what they cost
	Unlimited bool  // the units are counted, and never run out
}

// Free is what can be spent or held. Where quota was set high while holds were
// open, it may be more than MaxInteger; no answer says so.
func (b Balance) Free() int64 { return b.Left + b.Returned - b.Charged }

// take gives out units, or none of an unlimited token's.
func (b Balance) debit(n int64) Balance {
	if !b.Unlimited {
		b.Left -= n
	}
	return b
}

// backing is how much of a hold's units left the balance when it was made.
func (b Balance) debited(n int64) int64 {
	if b.Unlimited {
		return 0
	}
	return n
}

// A Fate is what became of a request id's units.
type State int

// The fates.
const (
	StateSpent    State = iota + 1 // at once, without a hold
	StateOpen                      // a hold that waits for its end
	StateSettled                   // a hold that was charged
	StateReleased                  // a hold that was given back
	StateExpired                   // a hold that nobody ended in time
)

// A Record is what a token remembers of one request id.
type Record struct {
	State          State
	Quota          int64 // units that were asked for
	ExpiresAt      int64 // of a hold: the second from which it counts as free again
	ChargeOnExpiry bool  // of a hold: it is charged, not given back, if nobody ends it
	EndedAt        int64 // the second at which it was spent, settled or released, or lapsed
	Requested      int64 // units that a settlement was asked to charge
	Charged        int64 // units that it did
	BeforeReserve  Balance
	BeforeEnd      Balance // before a settlement or release
}

// Backing is how many units the record's hold keeps, or kept, from others.
func (r Record) Debited() int64 { return r.BeforeReserve.debited(r.Quota) }

// A Ledger is a token with all that its units do.
type Ledger struct {
	token.Token
	Balance        Balance
	Records        map[string]Record // by RecordKey
	EarliestExpiry int64             // no open hold lapses before this second; 0 if none is open
	RecordLimit    int64             // how many records there may be before they are tidied up; 0 is FirstRoom
	Revision       int64             // one more with each write of the above
}

// RecordKey is the name under which a request id is remembered: 64 bits of
// its SHA-256, as 13 letters and digits.
func RecordKey(requestID string) string {
	sum := sha256.Sum256([]byte(requestID))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:8]))
}

// OpenHolds counts the holds that are open in the records, lapsed or not.
func (l Ledger) OpenHolds() int64 {
	var n int64
	for _, r := range l.Records {
		if r.State == StateOpen {
			n++
		}
	}
	return n
}

// Lapsed reports whether a hold may have lapsed by a second that has not come
// home.
func (l Ledger) HasExpiredHold(now int64) bool {
	return l.EarliestExpiry != 0 && l.EarliestExpiry <= now
}

// Tidy returns the ledger as it is at a second, written plainly: lapsed holds
// have gone home, the balance is in Left alone, and what may be forgotten is.
func (l Ledger) Compact(now int64) Ledger {
	l.Records = maps.Clone(l.Records)
	if l.Records == nil {
		l.Records = map[string]Record{}
	}
	l.Balance = Balance{Left: l.Balance.Free(), Unlimited: l.Balance.Unlimited}
	l.EarliestExpiry = 0
	for key, r := range l.Records {
		switch {
		case r.State != StateOpen:
		case r.ExpiresAt > now:
			if l.EarliestExpiry == 0 || r.ExpiresAt < l.EarliestExpiry {
				l.EarliestExpiry = r.ExpiresAt
			}
		default:
			if r.ChargeOnExpiry {
				l.UsedQuota = token.AddSaturated(l.UsedQuota, r.Quota)
			} else {
				l.Balance.Left += r.Debited()
			}
			r.State, r.EndedAt = StateExpired, r.ExpiresAt
			l.Records[key] = r
		}
	}
	l.forget(now)
	n := int64(len(l.Records))
	l.RecordLimit = min(n+max(newestRecords, n/4), maxRecordLimit)
	return l.syncToken()
}

// forget drops records that have ended, the oldest first.
func (l Ledger) forget(now int64) {
	var ended []string
	for key, r := range l.Records {
		if r.State != StateOpen {
			ended = append(ended, key)
		}
	}
	slices.SortFunc(ended, func(a, b string) int {
		return cmp.Or(cmp.Compare(l.Records[b].EndedAt, l.Records[a].EndedAt), strings.Compare(a, b))
	})
	spends, holds := 0, 0
	for i, key := range ended {
		number, most, seconds := &holds, maxHoldRecords, int64(holdRecordSeconds)
		if l.Records[key].State == StateSpent {
			number, most, seconds = &spends, maxSpendRecords, spendRecordSeconds
		}
		*number++
		age := now - l.Records[key].EndedAt
		if age >= RecordSeconds || i >= newestRecords && (*number > most || age >= seconds) {
			delete(l.Records, key)
		}
	}
}

// sync makes the token's own fields say what the ledger does.
func (l Ledger) syncToken() Ledger {
	l.RemainQuota, l.UnlimitedQuota = l.Balance.Free(), l.Balance.Unlimited
	l.Holds = nil
	for _, key := range slices.Sorted(maps.Keys(l.Records)) {
		if r := l.Records[key]; r.State == StateOpen {
			l.Holds = append(l.Holds, token.Hold{Quota: r.Quota, Debited: r.Debited(), ExpiresAt: r.ExpiresAt, ChargeOnExpiry: r.ChargeOnExpiry})
		}
	}
	return l
}

// NewLedger joins a token with what its units do.
func NewLedger(t token.Token, b Balance, records map[string]Record) Ledger {
	return Ledger{Token: t, Balance: b, Records: records}.syncToken()
}

// MustTidyFor reports whether the ledger must be tidied before a change can be
// judged by Balance.Left alone.
func (l Ledger) MustCompactFor(c token.Change) bool {
	if !c.Versions.Allow(l.Version) {
		return false // the change is refused whatever is free
	}
	b := l.Balance
	return c.DependsOnQuota() && l.HasExpiredHold(c.Now) || c.NeedsUsable && b.Left <= 0 && b.Returned > 0 ||
		c.QuotaDelta != nil && b.Returned != b.Charged && token.DeltaFits(b.Free(), *c.QuotaDelta)
}
