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
var errNotQueueEvent = errors.New("the payload is not an event of an SQS queue: the log line of the invocation has the cause")

// A hider hides a message that was received until a pause is over; Queue implements it.
type hider interface {
	Hide(ctx context.Context, receipt string, pause time.Duration) error
}

// Deliver answers the events of the queue of webhooks. It makes one attempt for each
// message, all of them at once. A message with another attempt is hidden in the queue
// until then, and is named in the answer, so that Lambda keeps it; for that, the event
// source mapping needs ReportBatchItemFailures. The number of an attempt is how often
// the message was received. A message that can't be read is named, too, and goes to the
// dead-letter queue in the end.
func Deliver(d *delivery.Deliverer, queue hider, log *slog.Logger) lambda.Handler {
	return &deliveries{d, queue, log}
}

type deliveries struct {
	deliverer *delivery.Deliverer
	queue     hider
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
	h.record(ctx, attempts, meter.Cost(), time.Since(started), nil)
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, a := range attempts {
		if a.again() {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: batch.Records[i].MessageId})
		}
	}
	return json.Marshal(answer)
}

// attempt handles one message.
func (h *deliveries) attempt(ctx context.Context, received events.SQSMessage) (a attempt) {
	started := time.Now()
	defer func() { a.took = time.Since(started) }()
	defer reqlog.Recover(&a.err)
	message, number, queued, err := readMessage(received)
	if err != nil {
		a.err = fmt.Errorf("read message %s: %w", received.MessageId, err)
		return a
	}
	a.message, a.number = message, number
	result := h.deliverer.Deliver(ctx, message, number, queued)
	a.result, a.err = &result, result.Err
	if result.Outcome == delivery.Retry {
		a.err = errors.Join(a.err, h.queue.Hide(ctx, received.ReceiptHandle, result.Pause))
	}
	return a
}

// readMessage returns what a message of the queue stands for, how often it was received,
// and when it was queued.
func readMessage(received events.SQSMessage) (m webhook.Message, number int, queued time.Time, err error) {
	if json.Unmarshal([]byte(received.Body), &m) != nil || m.UserID <= 0 || m.EndpointID <= 0 || !event.ValidID(m.Event.ID) {
		return m, 0, queued, errors.New("the body is not a webhook on its way")
	}
	number, err = strconv.Atoi(received.Attributes["ApproximateReceiveCount"])
	if err != nil || number < 1 {
		return m, 0, queued, errors.New("it does not say how often it was received")
	}
	sent, err := strconv.ParseInt(received.Attributes["SentTimestamp"], 10, 64)
	if err != nil {
		return m, 0, queued, errors.New("it does not say when it was sent")
	}
	return m, number, time.UnixMilli(sent), nil
}

// An attempt is what became of a message.
type attempt struct {
	message webhook.Message
	number  int
	result  *delivery.Result // nil if the message could not be read or its attempt panicked
	err     error
	took    time.Duration
}

// again reports whether the message stays in the queue.
func (a attempt) again() bool { return a.result == nil || a.result.Outcome == delivery.Retry }

// log writes a line about the attempt, unless there was none.
func (a attempt) log(ctx context.Context, log *slog.Logger) {
	if a.result != nil && a.result.Outcome == delivery.Dropped && a.err == nil {
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
	unreadable := 0
	for _, a := range attempts {
		if a.result == nil {
			unreadable++
			continue
		}
		counts[a.result.Outcome]++
	}
	line := reqlog.Line{Route: api.Deliver, Duration: took, RequestID: boot.RequestID(ctx), Err: err, Attrs: []slog.Attr{
		slog.Int("messages", len(attempts)), slog.Int("delivered", counts[delivery.Delivered]), slog.Int("retried", counts[delivery.Retry]),
		slog.Int("ended", counts[delivery.GivenUp]+counts[delivery.Disabled]+counts[delivery.Dropped]), slog.Int("unreadable", unreadable),
		cost.Reads(), cost.Writes(), cost.Trips(),
	}}
	if err != nil || unreadable > 0 {
		line.Level = slog.LevelError
	}
	line.Write(ctx, h.log)
}
