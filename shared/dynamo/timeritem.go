package dynamo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A TimerBucket is the five minutes of the calendar that end with Due, which belongs to
// it. Its number is the Unix second of Due divided by the length.
type TimerBucket int64

const timerBucketSeconds = 300

func timerBucketOf(second int64) TimerBucket {
	return TimerBucket((second + timerBucketSeconds - 1) / timerBucketSeconds)
}

// Due returns the end of the bucket, at which CheckTimers can tell its notices.
func (b TimerBucket) Due() time.Time { return time.Unix(b.due(), 0) }

func (b TimerBucket) due() int64 { return int64(b) * timerBucketSeconds }

// DueTimerBucket returns the last bucket that is due.
func DueTimerBucket(now time.Time) TimerBucket { return TimerBucket(now.Unix() / timerBucketSeconds) }

// timerMarginSeconds is how long a TIMER item is written before its bucket is due, at
// least: longer than the function that writes it may run, plus a minute for the
// clocks. A notice whose moment is nearer goes into the next bucket. So a bucket has
// the notices of this time before it, too.
const timerMarginSeconds = 120

// tells reports whether the check of a bucket tells notices of a moment.
func (b TimerBucket) tells(at int64) bool {
	return at <= b.due() && at > b.due()-timerBucketSeconds-timerMarginSeconds
}

// timerHorizonSeconds is how far ahead a bucket may be, which limits their number. A
// token that expires later has a timer that is farSeconds before that, and gets
// the others from there.
const (
	timerHorizonSeconds = 400 * 24 * 60 * 60
	farSeconds          = 10 * 24 * 60 * 60
)

// TimerRetention is how long DynamoDB keeps a TIMER item after its bucket is due, at
// least.
const TimerRetention = 7 * 24 * time.Hour

// timerKey is the key of the TIMER item of a token. A bucket is a partition, in which
// the sort key names the token: ids have at most 16 digits.
func timerKey(b TimerBucket, a token.Address) item {
	return item{PartitionKey: text(timerPartition(b)), SortKey: decimal(fmt.Sprintf("%d%0*d", a.UserID, timerIDDigits, a.ID))}
}

const timerIDDigits = 16

func timerPartition(b TimerBucket) string { return fmt.Sprintf("C#%d", b) }

// timerItem says nothing about the expiry: whoever reads it looks at the token. So an
// item that is written again, or is no longer true, changes nothing.
func timerItem(b TimerBucket, a token.Address) item {
	it := timerKey(b, a)
	it[TTL] = number(b.due() + int64(TimerRetention/time.Second))
	return it
}

// readTimer returns the token of a TIMER item, and the item's sort key.
func readTimer(it item) (a token.Address, position string, err error) {
	if n, ok := it[SortKey].(*types.AttributeValueMemberN); ok {
		position = n.Value
	}
	split := len(position) - timerIDDigits
	if split < 1 {
		return a, position, fmt.Errorf("the sort key %q is not of a timer", position)
	}
	a.UserID, err = strconv.ParseInt(position[:split], 10, 64)
	if err == nil {
		a.ID, err = strconv.ParseInt(position[split:], 10, 64)
	}
	return a, position, err
}

// expiryOf returns a token's item as events name it, and its expiry; ok is false if it
// has none, is deleted, missing, or unreadable.
func expiryOf(it item, a token.Address) (t event.Token, expires int64, ok bool, err error) {
	if !has(it, attrExpires) || revoked(it) {
		return t, 0, false, nil
	}
	r := reader{item: it}
	t, expires = event.TokenOf(a.UserID, a.ID, r.text(attrName)), r.number(attrExpires)
	if r.err == nil && (expires < 0 || expires > token.MaxExpiredTime) {
		r.err = fmt.Errorf("the expiry %d is out of range", expires)
	}
	if r.err != nil {
		return t, 0, false, fmt.Errorf("token %d of user %d: %w", a.ID, a.UserID, r.err)
	}
	return t, expires, true, nil
}

func has(it item, name string) bool {
	_, ok := it[name]
	return ok
}
