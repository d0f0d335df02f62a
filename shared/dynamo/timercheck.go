package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// ErrTimersNotDue means that a bucket lies in the future.
var ErrTimersNotDue = errors.New("the bucket is not due yet")

// maxTimers is how many timers CheckTimers reads at once.
const maxTimers = 1000

// CheckTimers reads timers of a bucket that is due, from a position on, which is "" or
// the Next of the call before. It returns events for what is true of their tokens now.
// It may be called again, and late. now is in Unix seconds.
func (s *Store) CheckTimers(ctx context.Context, b TimerBucket, from string, now int64) (Timers, error) {
	if now < b.due()-timerMarginSeconds/2 {
		return Timers{}, ErrTimersNotDue
	}
	f := timerFiling{now: now}
	tokens, err := s.queryTimers(ctx, b, from, &f)
	if err != nil {
		return Timers{}, fmt.Errorf("read timers: %w", err)
	}
	found, err := s.readTokens(ctx, tokens)
	if err != nil {
		return Timers{}, err
	}
	for _, a := range tokens {
		t, expires, ok, err := expiryOf(found[a], a)
		switch {
		case err != nil:
			f.timers.leaveOut(err)
		case ok:
			f.check(b, t, expires)
		}
	}
	return s.writeTimers(ctx, &f)
}

// check tells the notices of a bucket. A timer without any is of an expiry that was
// moved, or of one that was beyond the horizon, which needs timers now.
func (f *timerFiling) check(b TimerBucket, t event.Token, expires int64) {
	a, notices := token.Address{UserID: t.UserID, ID: t.TokenID}, event.NoticesOf(expires)
	told := false
	for _, n := range notices {
		if b.tells(n.At) {
			f.tell(t, n, n.At)
			told = true
		}
	}
	if told {
		return
	}
	if f.isFar(expires) {
		f.addFar(a)
		return
	}
	for _, n := range notices {
		if n.At > f.now {
			f.add(a, n, n.At)
		}
	}
}

// queryTimers reads up to maxTimers timers.
func (s *Store) queryTimers(ctx context.Context, b TimerBucket, from string, f *timerFiling) (tokens []token.Address, err error) {
	if from == "" {
		from = "0"
	}
	reads := retryReads()
	out, err := s.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: aws.String(PartitionKey + " = :partition AND " + SortKey + " > :from"),
		ExpressionAttributeValues: item{":partition": text(timerPartition(b)), ":from": decimal(from)},
		ConsistentRead:            aws.Bool(true), Limit: aws.Int32(maxTimers), ReturnConsumedCapacity: consumed,
	}, reads.configure)
	if err != nil {
		return nil, reads.explain(err)
	}
	for _, it := range out.Items {
		a, position, err := readTimer(it)
		f.timers.Next = position
		if err != nil {
			f.timers.leaveOut(err)
			continue
		}
		tokens = append(tokens, a)
	}
	if len(out.LastEvaluatedKey) == 0 {
		f.timers.Next = ""
	}
	return tokens, nil
}

// timersCheckedKey is the key of the CHECKED item, which only a local server has.
func timersCheckedKey() item { return key("C", 0) }

const timersChecked = "bucket"

// TimersChecked returns the last bucket that SetTimersChecked has stored, or 0.
func (s *Store) TimersChecked(ctx context.Context) (TimerBucket, error) {
	it, err := s.get(ctx, timersCheckedKey())
	r := reader{item: it}
	return TimerBucket(r.number(timersChecked)), errors.Join(err, r.err)
}

// SetTimersChecked stores which bucket was checked last.
func (s *Store) SetTimersChecked(ctx context.Context, b TimerBucket) error {
	it := timersCheckedKey()
	it[timersChecked] = number(int64(b))
	_, err := s.put(ctx, it, newExpression(), retryIdempotent())
	return err
}
