package boot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A Folder adds changes of the table to the histories of tokens; dynamo.Store
// implements it. now is in Unix seconds.
type Folder interface {
	Fold(ctx context.Context, changes []dynamo.StreamRecord, now int64) (dynamo.Folding, error)
}

// History answers the events of the table's stream as Purge does: it adds the changes
// to the histories of tokens, and then publishes what has happened. eventsOf derives
// that from a change; its error comes with the events that could be made.
//
// It also files the timers of expiries and publishes what they are for; it answers the
// payloads of their schedules, too. Without timers, nobody is told of expiries.
//
// If publishing or filing fails, the invocation fails, so all changes come again, in
// smaller batches. Adding them again changes nothing, and their events have the same IDs.
func History(store Folder, eventsOf func(dynamo.StreamRecord) ([]event.Event, error), publisher event.Publisher, timers *Timers, now func() time.Time, log *slog.Logger) lambda.Handler {
	stream := &streamReader{api.History, now, log, func(ctx context.Context, records []dynamo.StreamRecord, now int64) reading {
		f, err := store.Fold(ctx, records, now)
		finished := records[:f.Done]
		events, unmade, unmadeErr := eventsOfAll(finished, eventsOf)
		filed, failed := timers.file(ctx, finished)
		events = append(events, filed.Events...)
		var lost *event.LostError
		if failed == nil {
			lost, failed = publish(ctx, publisher, events)
		}
		return reading{f.Done, errors.Join(err, failed), cmp.Or(f.Unread, unmadeErr, filed.Unread, lost.Err()), failed != nil, func(cost reqlog.Cost) []slog.Attr {
			return []slog.Attr{
				slog.Int("counted", f.Charges), slog.Int("changes", f.Changes), slog.Int("unreadable", f.Unreadable+unmade+filed.Unreadable+lost.Count()), slog.Int("written", f.Written),
				slog.Int("events", len(events)), slog.Int64("behind_seconds", f.BehindSeconds), cost.Reads(), cost.Writes(), cost.Trips(),
			}
		}}
	}}
	return &historyFunction{stream, timers, log}
}

// publish publishes events. Those that can never be published are no error.
func publish(ctx context.Context, publisher event.Publisher, events []event.Event) (lost *event.LostError, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	err = publisher.Publish(ctx, events)
	switch {
	case errors.As(err, &lost):
		return lost, nil
	case err != nil:
		return nil, fmt.Errorf("publish %d events: %w", len(events), err)
	}
	return nil, nil
}

// A historyFunction answers events of the stream, and checks of timers.
type historyFunction struct {
	stream *streamReader
	timers *Timers
	log    *slog.Logger
}

// Invoke implements lambda.Handler.
func (h *historyFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if c, ok := readTimerCheck(payload); ok && h.timers != nil {
		return h.timers.answer(ctx, c, h.log)
	}
	return h.stream.Invoke(ctx, payload)
}

// eventsOfAll returns the events of changes, how many changes have an event that could
// not be made, and why the first one could not.
func eventsOfAll(records []dynamo.StreamRecord, eventsOf func(dynamo.StreamRecord) ([]event.Event, error)) (all []event.Event, unmade int, first error) {
	for _, r := range records {
		events, err := eventsOf(r)
		if err != nil {
			unmade++
			first = cmp.Or(first, fmt.Errorf("make an event: %w", err))
		}
		all = append(all, events...)
	}
	return all, unmade, first
}
