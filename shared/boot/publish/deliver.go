package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// errNotQueueEvent stands for every payload that can't be read: Lambda logs what
// Invoke returns, and does not mask credentials in it.
var (
	errNotQueueEvent = errors.New("the payload is not an event of an SQS queue: the log line of the invocation has the cause")
	errNotPostponed  = errors.New("the messages could not be added to the queue again: the log line of the invocation has the cause")
)

// Deliver answers the events of the queue of webhooks. It makes one attempt for each
// message whose attempt is due, all of them at once. A message with another attempt is
// added to the queue again, with a delay until then, or of 15 minutes, which is the
// longest: then it has no attempt yet and is added again. Messages that are delayed do
// not count as in flight, of which SQS allows 120,000.
//
// A message that can't be read or be added again is named in the answer, so that Lambda
// keeps it; for that, the event source mapping needs ReportBatchItemFailures. Such a
// message goes to the dead-letter queue in the end.
func Deliver(d *delivery.Deliverer, queue *Queue, log *slog.Logger) lambda.Handler {
	return &deliveries{d, queue, log}
}

type deliveries struct {
	deliverer *delivery.Deliverer
	queue     *Queue
	log       *slog.Logger
}

// Invoke implements lambda.Handler.
func (h *deliveries) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	started := time.Now()
	ctx, meter := reqlog.WithMeter(ctx)
	var batch events.SQSEvent
	err := json.Unmarshal(payload, &batch)
	if err == nil && len(batch.Records) == 0 {
		err = errors.New("the event has no messages")
	}
	if err != nil {
		h.record(ctx, nil, meter.Cost(), time.Since(started), fmt.Errorf("read the event: %w", err))
		return nil, errNotQueueEvent
	}
	attempts := make([]attempt, len(batch.Records))
	var running sync.WaitGroup
	for i, message := range batch.Records {
		running.Go(func() {
			attempts[i] = h.attempt(ctx, message)
			attempts[i].log(ctx, h.log)
		})
	}
	running.Wait()
	err = h.postpone(ctx, attempts)
	h.record(ctx, attempts, meter.Cost(), time.Since(started), err)
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, a := range attempts {
		if a.unreadable() || a.next != nil && !a.added {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: batch.Records[i].MessageId})
		}
	}
	if err != nil && len(answer.BatchItemFailures) == len(batch.Records) {
		return nil, errNotPostponed // Lambda keeps all of them, as it would after the answer, and counts an error
	}
	return json.Marshal(answer)
}

// attempt handles one message.
func (h *deliveries) attempt(ctx context.Context, received events.SQSMessage) (a attempt) {
	started := time.Now()
	defer func() { a.took = time.Since(started) }()
	defer reqlog.Recover(&a.err)
	message, err := readMessage(received)
	if err != nil {
		a.err = fmt.Errorf("read message %s: %w", received.MessageId, err)
		return a
	}
	a.message, a.number = message.Message, message.Retry.Attempt
	if message.delay(h.deliverer.Now()) > 0 {
		a.next = &message
		return a
	}
	result := h.deliverer.Deliver(ctx, message.Message, a.number, message.Retry.Queued)
	a.result, a.err = &result, result.Err
	if result.Outcome == delivery.Retry {
		message.Retry = &retry{a.number + 1, h.deliverer.Now().Add(result.Pause), message.Retry.Queued}
		a.next = &message
	}
	return a
}

// readMessage reads a message of the queue. One without a retry gets that of its first
// attempt.
func readMessage(received events.SQSMessage) (m queuedMessage, err error) {
	if json.Unmarshal([]byte(received.Body), &m) != nil || m.UserID <= 0 || m.EndpointID <= 0 || !event.ValidID(m.Event.ID) {
		return m, errors.New("the body is not a webhook on its way")
	}
	if m.Retry == nil {
		sent, err := strconv.ParseInt(received.Attributes["SentTimestamp"], 10, 64)
		if err != nil {
			return m, errors.New("it does not say when it was sent")
		}
		m.Retry = &retry{Attempt: 1, Queued: time.UnixMilli(sent)}
	}
	return m, nil
}

// postpone adds the messages with another attempt to the queue.
func (h *deliveries) postpone(ctx context.Context, attempts []attempt) error {
	var messages []queuedMessage
	var of []*attempt
	for i := range attempts {
		if a := &attempts[i]; a.next != nil {
			messages, of = append(messages, *a.next), append(of, a)
		}
	}
	if len(messages) == 0 {
		return nil
	}
	added, err := h.queue.add(ctx, messages, h.deliverer.Now())
	for i, a := range of {
		a.added = added[i]
	}
	return err
}

// An attempt is what became of a message.
type attempt struct {
	message webhook.Message
	number  int
	result  *delivery.Result // nil if there was no attempt: it is not due, or the message can't be read, or it panicked
	next    *queuedMessage   // the message with its next attempt; nil if it has none
	added   bool             // next is in the queue
	err     error
	took    time.Duration
}

// unreadable reports whether a message could not be handled.
func (a attempt) unreadable() bool { return a.result == nil && a.next == nil }

// log writes a line about the attempt, unless there was none.
func (a attempt) log(ctx context.Context, log *slog.Logger) {
	if a.err == nil && (a.result == nil || a.result.Outcome == delivery.Dropped) {
		return
	}
	line := reqlog.Line{Message: "attempt", Duration: a.took, RequestID: boot.RequestID(ctx), Err: a.err}
	if a.err != nil {
		line.Level = slog.LevelError
	}
	if a.message.UserID != 0 {
		line.Attrs = []slog.Attr{
			reqlog.UserID(a.message.UserID), slog.Int64("webhook_id", a.message.EndpointID),
			slog.String("event_id", a.message.Event.ID), slog.String("event", string(a.message.Event.Type)), slog.Int("attempt", a.number),
		}
	}
	if a.result != nil {
		line.Status = a.result.Attempt.Status
		line.Attrs = append(line.Attrs, slog.String("outcome", string(a.result.Outcome)))
		if failure := a.result.Attempt.Failure; failure != "" {
			line.Attrs = append(line.Attrs, slog.String("failure", string(failure)))
		}
	}
	line.Write(ctx, log)
}

// record logs the invocation.
func (h *deliveries) record(ctx context.Context, attempts []attempt, cost reqlog.Cost, took time.Duration, err error) {
	counts := map[delivery.Outcome]int{}
	unreadable, early := 0, 0
	for _, a := range attempts {
		switch {
		case a.unreadable():
			unreadable++
		case a.result == nil:
			early++
		default:
			counts[a.result.Outcome]++
		}
	}
	var lost *event.LostError
	if errors.As(err, &lost) {
		unreadable += lost.Events
	}
	line := reqlog.Line{Route: api.Deliver, Duration: took, RequestID: boot.RequestID(ctx), Err: err, Attrs: []slog.Attr{
		slog.Int("messages", len(attempts)), slog.Int("delivered", counts[delivery.Delivered]), slog.Int("retried", counts[delivery.Retry]), slog.Int("early", early),
		slog.Int("ended", counts[delivery.GivenUp]+counts[delivery.Disabled]+counts[delivery.Dropped]), slog.Int("unreadable", unreadable),
		cost.Reads(), cost.Writes(), cost.Trips(),
	}}
	if err != nil || unreadable > 0 {
		line.Level = slog.LevelError
	}
	line.Write(ctx, h.log)
}
