package dynamo

import (
	"cmp"
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Timers are what FileTimers or CheckTimers did.
type Timers struct {
	Events     []event.Event // that have become true
	Buckets    []TimerBucket // in which there are new timers: each must be checked once it is due
	Next       string        // where CheckTimers goes on; "" if the bucket has no more
	Unreadable int           // records, tokens and timers that can't be read; they are left out
	Unread     error         // what the first of them is
}

func (t *Timers) leaveOut(err error) {
	t.Unreadable++
	t.Unread = cmp.Or(t.Unread, err)
}

// noticeSlackSeconds is how long before the moment of a token.expiring an expiry has to
// be set. A token that is made for seven days, by a clock that is a little ahead, has
// no notice of seven days.
const noticeSlackSeconds = timerBucketSeconds

// FileTimers writes a timer for each moment at which a token's expiry has to be told,
// if a record set that expiry. What is to be told already, because the records come
// late or the expiry was in the past, it returns as events. The caller makes sure that
// the buckets are checked, and publishes the events, before the records count as
// finished. The same records may come again. now is in Unix seconds.
func (s *Store) FileTimers(ctx context.Context, records []StreamRecord, now int64) (Timers, error) {
	f := timerFiling{now: now}
	for _, r := range records {
		if err := f.addRecord(r); err != nil {
			f.timers.leaveOut(fmt.Errorf("record %s of %s %s: %w", r.Sequence, r.Partition, r.Number, err))
		}
	}
	if err := s.tellLate(ctx, &f); err != nil {
		return Timers{}, err
	}
	return s.writeTimers(ctx, &f)
}

// A timerFiling collects what has to be told, now or later.
type timerFiling struct {
	now    int64
	late   []lateNotice
	known  map[timerAt]bool
	order  []timerAt
	timers Timers
}

// A timerAt is a token in a bucket.
type timerAt struct {
	bucket TimerBucket
	token.Address
}

// A lateNotice is one whose moment has passed when the record comes. It is told if the
// token still has the expiry.
type lateNotice struct {
	token.Address
	event.Notice
	at int64 // of the event
}

func (f *timerFiling) addRecord(r StreamRecord) error {
	userID, id, ok := parseTokenKey(r.Partition, r.Number)
	a := token.Address{UserID: userID, ID: id}
	if !ok {
		return nil
	}
	_, expires, expiring, err := expiryOf(r.After, a)
	_, last, had, _ := expiryOf(r.Before, a)
	if !expiring || had && last == expires {
		return err
	}
	set := r.Time.Unix()
	if r.Time.IsZero() {
		set = f.now
	}
	if f.isFar(expires) {
		f.addFar(a)
		return nil
	}
	for _, n := range event.NoticesOf(expires) {
		switch {
		case n.Type == event.TokenExpiring && n.At <= set+noticeSlackSeconds:
		case n.At <= set && had && last <= set: // it had expired before
		default:
			f.add(a, n, max(n.At, set))
		}
	}
	return nil
}

// add adds a notice whose event is at a Unix second.
func (f *timerFiling) add(a token.Address, n event.Notice, at int64) {
	if n.At <= f.now {
		f.late = append(f.late, lateNotice{a, n, at})
		return
	}
	f.addTimer(a, max(n.At, f.now+timerMarginSeconds))
}

// isFar reports whether an expiry is beyond the horizon.
func (f *timerFiling) isFar(expires int64) bool { return expires > f.now+timerHorizonSeconds }

// addFar adds a timer for an expiry that is beyond the horizon. It is before all of its
// notices, so CheckTimers finds none of them, and writes their timers.
func (f *timerFiling) addFar(a token.Address) { f.addTimer(a, f.now+timerHorizonSeconds-farSeconds) }

func (f *timerFiling) addTimer(a token.Address, second int64) {
	timer := timerAt{timerBucketOf(second), a}
	if f.known == nil {
		f.known = map[timerAt]bool{}
	}
	if !f.known[timer] {
		f.known[timer] = true
		f.order = append(f.order, timer)
	}
}

// tell adds the event of a notice.
func (f *timerFiling) tell(t event.Token, n event.Notice, at int64) {
	e, err := n.Of(t, at)
	if err != nil {
		f.timers.leaveOut(fmt.Errorf("token %d of user %d: %w", t.TokenID, t.UserID, err))
		return
	}
	f.timers.Events = append(f.timers.Events, e)
}

// tellLate reads the tokens of late notices and tells those that are still true.
func (s *Store) tellLate(ctx context.Context, f *timerFiling) error {
	if len(f.late) == 0 {
		return nil
	}
	tokens := make([]token.Address, len(f.late))
	for i, n := range f.late {
		tokens[i] = n.Address
	}
	found, err := s.readTokens(ctx, tokens)
	if err != nil {
		return err
	}
	for _, n := range f.late {
		t, expires, ok, err := expiryOf(found[n.Address], n.Address)
		switch {
		case err != nil:
			f.timers.leaveOut(err)
		case ok && expires == n.Expires():
			f.tell(t, n.Notice, n.at)
		}
	}
	return nil
}

// readTokens reads the items of tokens. The same token may be named twice.
func (s *Store) readTokens(ctx context.Context, tokens []token.Address) (map[token.Address]item, error) {
	found := map[token.Address]item{}
	var once []token.Address
	var keys []item
	for _, a := range tokens {
		if _, known := found[a]; !known {
			found[a] = nil
			once, keys = append(once, a), append(keys, tokenKey(a.UserID, a.ID))
		}
	}
	items, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("read tokens that expire: %w", err)
	}
	for i, a := range once {
		found[a] = items[i]
	}
	return found, nil
}

// writeTimers writes the timers, and returns what was done.
func (s *Store) writeTimers(ctx context.Context, f *timerFiling) (Timers, error) {
	errs := make([]error, len(f.order))
	inParallel(len(f.order), maxParallelWrites, func(i int) {
		t := f.order[i]
		_, errs[i] = s.put(ctx, timerItem(t.bucket, t.Address), newExpression(), retryIdempotent())
	})
	for _, err := range errs {
		if err != nil {
			return Timers{}, fmt.Errorf("write timers: %w", err)
		}
	}
	buckets := map[TimerBucket]bool{}
	for _, t := range f.order {
		if !buckets[t.bucket] {
			buckets[t.bucket] = true
			f.timers.Buckets = append(f.timers.Buckets, t.bucket)
		}
	}
	return f.timers, nil
}
