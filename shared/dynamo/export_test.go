package dynamo

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Access to the store's own items, for tests that fill or simulate a table.

// TokenItem returns the item of a token.
func TokenItem(t token.Token) map[string]types.AttributeValue {
	return tokenItem(t, int64(DefaultRetention/time.Second))
}

// TokenKey returns the key of a token's item.
func TokenKey(userID, id int64) map[string]types.AttributeValue { return tokenKey(userID, id) }

// MetaItem returns the META item of a user, with the deletions in segment 0.
func MetaItem(u token.User, deleted pages.Segment) map[string]types.AttributeValue {
	it := userItem(u)
	if u.RateTAT != 0 {
		it[attrRateTAT] = number(u.RateTAT)
	}
	if u.ChangeTAT != 0 {
		it[attrChangeTAT] = number(u.ChangeTAT)
	}
	if u.PolicyVersion != 0 {
		it[attrPolicyVersion] = number(u.PolicyVersion)
	}
	if u.WalletOrder != 0 {
		it[attrUserWallet] = userWallet(token.Wallet{On: u.UsesWallet, Order: u.WalletOrder})
	}
	return addCounts(it, deleted)
}

// SegItem returns the SEG item of another segment.
func SegItem(userID, seg int64, deleted pages.Segment) map[string]types.AttributeValue {
	return addCounts(segmentKey(userID, seg), deleted)
}

// addCounts leaves out counters that are 0, as the store does.
func addCounts(it item, deleted pages.Segment) item {
	for i, n := range deleted {
		if n > 0 {
			it[bucketAttribute(int64(i))] = number(n)
		}
	}
	return it
}

// WalletItem returns the item of a wallet.
func WalletItem(w token.Wallet) map[string]types.AttributeValue { return walletItem(w) }

// SizeOf returns the bytes that the store counts for an item.
func SizeOf(it item) int { return sizeOf(it) }

// RefusedUnits returns the units that the store counts for a failed call.
func RefusedUnits(input any, err error) float64 { return refusedUnits(input, err) }

// HourItem and DayItem return items of histories.
func HourItem(p history.Period) map[string]types.AttributeValue {
	return historyItem(hourKey(p.UserID, p.TokenID, p.Start), p)
}

func DayItem(p history.Period) map[string]types.AttributeValue {
	return historyItem(dayKey(p.UserID, p.TokenID, p.Start), p)
}

func historyItem(it item, p history.Period) item {
	it[historySequence], it[historyThrough], it[historyRevision] = text("label/1"), number(p.Start), number(p.Revision)
	it[TTL] = number(p.Start + retainedSeconds)
	setTally(it, p.Tally)
	setPresent(it, item{attrName: optionalText(p.Name)})
	return it
}

// Latencies are those of a hedge.
type Latencies struct{ l latencies }

// NewLatencies returns latencies of no calls.
func NewLatencies() *Latencies { return new(Latencies) }

// Add counts a call at a time.
func (l *Latencies) Add(now time.Time, took time.Duration) {
	l.l.advance(now)
	l.l.add(took)
}

// P99 returns the 99th percentile at a time, 0 if it is not known.
func (l *Latencies) P99(now time.Time) time.Duration {
	l.l.advance(now)
	return l.l.p99()
}
