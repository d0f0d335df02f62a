package main

import (
	"context"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
)

// localTimers checks the timers of a local table when they are due, as schedules do in
// AWS.
type localTimers struct {
	store   *dynamo.Store
	checked dynamo.TimerBucket // the last one; 0: not known yet
}

// file writes the timers of changes, and publishes what is due already.
func (l *localTimers) file(ctx context.Context, publisher event.Publisher, changes []dynamo.StreamRecord, now time.Time) error {
	timers, err := l.store.FileTimers(ctx, changes, now.Unix())
	if err != nil {
		return err
	}
	return publish(ctx, publisher, timers.Events)
}

// tell publishes the events about expiries that have become due since the last call.
// The table has what was checked last, so those that became due while no server ran
// are published when one starts, if they are not older than their timers are kept.
func (l *localTimers) tell(ctx context.Context, publisher event.Publisher, now time.Time) (err error) {
	due := dynamo.DueTimerBucket(now)
	if l.checked == 0 {
		if l.checked, err = l.store.TimersChecked(ctx); err != nil {
			return err
		}
		if l.checked == 0 { // a new table
			l.checked = due - 1
		}
	}
	if l.checked >= due {
		return nil
	}
	l.checked = max(l.checked, dynamo.DueTimerBucket(now.Add(-dynamo.TimerRetention)))
	for l.checked < due {
		if err := l.check(ctx, publisher, l.checked+1, now); err != nil {
			return err
		}
		l.checked++
	}
	return l.store.SetTimersChecked(ctx, l.checked)
}

// check publishes the events of one bucket.
func (l *localTimers) check(ctx context.Context, publisher event.Publisher, b dynamo.TimerBucket, now time.Time) error {
	from := ""
	for {
		timers, err := l.store.CheckTimers(ctx, b, from, now.Unix())
		if err != nil {
			return err
		}
		if err := publish(ctx, publisher, timers.Events); err != nil {
			return err
		}
		if from = timers.Next; from == "" {
			return nil
		}
	}
}

func publish(ctx context.Context, publisher event.Publisher, events []event.Event) error {
	if publisher == nil || len(events) == 0 {
		return nil
	}
	return publisher.Publish(ctx, events)
}
