package boot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A TimerStore writes and checks the timers of tokens that expire; dynamo.Store
// implements it.
type TimerStore interface {
	FileTimers(ctx context.Context, changes []dynamo.StreamRecord, now int64) (dynamo.Timers, error)
	CheckTimers(ctx context.Context, b dynamo.TimerBucket, from string, now int64) (dynamo.Timers, error)
}

// A TimerCheck asks the function history for the events of a bucket of timers. It is the
// payload of a schedule, in JSON. An operator may send it, too: {"bucket":5941372}.
type TimerCheck struct {
	Bucket  dynamo.TimerBucket `json:"bucket"`
	From    string             `json:"from,omitempty"`    // where to go on; see dynamo.Store.CheckTimers
	Attempt int                `json:"attempt,omitempty"` // how many checks of the bucket were before this one; from secondAttempt on, since the second
}

// A Scheduler has checks made at their times, each at least once. A check that was
// scheduled before is not an error.
type Scheduler interface {
	Schedule(ctx context.Context, c TimerCheck, at time.Time) error

	// Cancel removes the schedule of a check. If there is none, that is not an error.
	Cancel(ctx context.Context, c TimerCheck) error
}

// Timers files the timers that changes of tokens need, and checks them.
type Timers struct {
	Store     TimerStore
	Scheduler Scheduler // nil: nothing schedules checks of the timers
	Publisher event.Publisher
	Now       func() time.Time
}

// file writes the timers and returns the events that are due already. When it has
// returned without an error, every bucket with a new timer has a schedule.
func (t *Timers) file(ctx context.Context, changes []dynamo.StreamRecord) (dynamo.Timers, error) {
	if t == nil || len(changes) == 0 {
		return dynamo.Timers{}, nil
	}
	timers, err := t.Store.FileTimers(ctx, changes, t.Now().Unix())
	if err != nil {
		return timers, err
	}
	return timers, t.schedule(ctx, timers.Buckets)
}

// maxScheduleCalls is how many schedules are made at a time.
const maxScheduleCalls = 8

func (t *Timers) schedule(ctx context.Context, buckets []dynamo.TimerBucket) error {
	if t.Scheduler == nil {
		return nil
	}
	errs := make(chan error, len(buckets))
	slots := make(chan struct{}, maxScheduleCalls)
	for _, b := range buckets {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			if err := t.Scheduler.Schedule(ctx, secondCheck(b), b.Due().Add(secondPause)); err != nil {
				errs <- err
				return
			}
			errs <- t.Scheduler.Schedule(ctx, TimerCheck{Bucket: b}, b.Due())
		}()
	}
	var first error
	for range buckets {
		if err := <-errs; err != nil && first == nil {
			first = fmt.Errorf("schedule the check of timers: %w", err)
		}
	}
	return first
}

// secondPause is longer than Lambda keeps an asynchronous call that it can't start, which
// is six hours. So the second check finds the function as it is then.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
const secondPause = 7 * time.Hour

// secondAttempt is more than the attempts of a day, of which there is at most one a minute.
const secondAttempt = 2000

// secondCheck is scheduled together with the first check of a bucket, and cancelled by the
// check that finishes. It does the work if no call of the first got so far as to
// schedule the next one.
func secondCheck(b dynamo.TimerBucket) TimerCheck {
	return TimerCheck{Bucket: b, Attempt: secondAttempt}
}

// Filed reports whether the check is one of the two that are scheduled with each new
// timer of their bucket.
func (c TimerCheck) Filed() bool {
	return c.From == "" && (c.Attempt == 0 || c.Attempt == secondAttempt)
}

const (
	retryPause  = 5 * time.Minute  // before a check that failed is tried again
	restPause   = time.Minute      // before a check that ran out of time goes on
	checkSpare  = 10 * time.Second // of the function's time, to schedule the rest of a check
	maxCheckAge = 24 * time.Hour   // of a bucket: then it is given up
)

// A checking is what became of a check.
type checking struct {
	events, unreadable int
	unread             error // see dynamo.Timers
	finished           bool
	rest               string // where the next check goes on, if it has not finished
	postponed          bool
	err                error
}

// check publishes the events of a bucket. Before, it schedules the next check, so that
// this process may end at any time, and cancels that when it has finished. If it fails or
// runs out of time, the next check does the rest, for a day at most. So it is an error
// only if that can't be scheduled.
func (t *Timers) check(ctx context.Context, c TimerCheck) (done checking) {
	next := c
	next.Attempt++
	unscheduled := t.postpone(ctx, next, retryPause)
	rest := next
	rest.From, done = t.checkPages(ctx, c)
	done.rest = rest.From
	switch {
	case done.finished || errors.Is(done.err, dynamo.ErrTimersNotDue):
		if unscheduled == nil {
			done.err = errors.Join(done.err, t.Scheduler.Cancel(ctx, next))
		}
		if done.finished && t.Scheduler != nil && c.Attempt < secondAttempt {
			done.err = errors.Join(done.err, t.Scheduler.Cancel(ctx, secondCheck(c.Bucket)))
		}
	case rest.From == next.From:
		done.postponed, done.err = unscheduled == nil, errors.Join(done.err, unscheduled)
	default:
		pause := restPause
		if done.err != nil {
			pause = retryPause
		}
		failed := t.postpone(ctx, rest, pause)
		if failed == nil && unscheduled == nil {
			done.err = errors.Join(done.err, t.Scheduler.Cancel(ctx, next))
		}
		done.postponed, done.err = failed == nil || unscheduled == nil, errors.Join(done.err, failed)
	}
	return done
}

// checkPages publishes the events of a bucket from a position on, and returns where to go
// on if it has not finished.
func (t *Timers) checkPages(ctx context.Context, c TimerCheck) (from string, done checking) {
	deadline, limited := ctx.Deadline()
	if limited && time.Until(deadline) > 2*checkSpare {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-checkSpare))
		defer cancel()
	}
	for {
		timers, err := t.checkPage(ctx, c)
		if err != nil {
			done.err = err
			return c.From, done
		}
		done.events += len(timers.Events)
		done.unreadable += timers.Unreadable
		done.unread = cmp.Or(done.unread, timers.Unread)
		c.From = timers.Next
		done.finished = c.From == ""
		if done.finished || limited && time.Until(deadline) < 2*checkSpare {
			return c.From, done
		}
	}
}

func (t *Timers) checkPage(ctx context.Context, c TimerCheck) (dynamo.Timers, error) {
	timers, err := t.Store.CheckTimers(ctx, c.Bucket, c.From, t.Now().Unix())
	if err == nil {
		err = t.schedule(ctx, timers.Buckets)
	}
	if err != nil {
		return timers, err
	}
	lost, err := publish(ctx, t.Publisher, timers.Events)
	timers.Unreadable += lost.Count()
	timers.Unread = cmp.Or(timers.Unread, lost.Err())
	return timers, err
}

// postpone schedules a check after a pause.
func (t *Timers) postpone(ctx context.Context, c TimerCheck, pause time.Duration) error {
	now := t.Now()
	switch {
	case t.Scheduler == nil:
		return errors.New("there is no group of schedules to try again")
	case now.Sub(c.Bucket.Due()) > maxCheckAge:
		return errors.New("given up after a day")
	}
	return t.Scheduler.Schedule(ctx, c, now.Add(pause))
}

// readTimerCheck reports whether a payload is a check, and not an event of the stream.
func readTimerCheck(payload []byte) (c TimerCheck, ok bool) {
	err := json.Unmarshal(payload, &c)
	return c, err == nil && c.Bucket > 0
}

// errCheckFailed makes Lambda repeat a check that could not be scheduled again either.
var errCheckFailed = errors.New("the timers could not be checked: the log line of the invocation has the cause")

// answer checks timers and logs that.
func (t *Timers) answer(ctx context.Context, c TimerCheck, log *slog.Logger) ([]byte, error) {
	started := time.Now()
	ctx, meter := reqlog.WithMeter(ctx)
	done := t.check(ctx, c)
	cost := meter.Cost()
	line := reqlog.Line{
		Message: "timers", Route: api.History, RequestID: RequestID(ctx), Duration: time.Since(started), Err: errors.Join(done.err, done.unread),
		Attrs: []slog.Attr{
			slog.Int64("bucket", int64(c.Bucket)), slog.Int("attempt", c.Attempt+1), slog.Int("events", done.events), slog.Int("unreadable", done.unreadable),
			slog.Bool("postponed", done.postponed), cost.Reads(), cost.Writes(), cost.Trips(),
		},
	}
	if line.Err != nil {
		line.Level = slog.LevelError
	}
	if done.rest != "" {
		line.Attrs = append(line.Attrs, slog.String("rest", done.rest))
	}
	line.Write(ctx, log)
	if done.err != nil && !done.postponed && !done.finished {
		return nil, errCheckFailed
	}
	return []byte("{}"), nil
}
