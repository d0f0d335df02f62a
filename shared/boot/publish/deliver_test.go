package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/boot/publish"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// A store has the endpoints 1 to 5 of every user.
type store struct{ delivery.Store }

func (store) Endpoint(_ context.Context, userID, id int64) (webhook.Endpoint, error) {
	switch {
	case id > webhook.MaxEndpoints:
		return webhook.Endpoint{}, webhook.ErrNotFound
	case userID == 13:
		panic("a fault")
	}
	return webhook.Endpoint{UserID: userID, ID: id, URL: "https://example.com/secret-path"}, nil
}

func (store) RecordAttempt(_ context.Context, e webhook.Endpoint, a webhook.Attempt) (webhook.Endpoint, error) {
	e.Last, e.FailingSince = a, a.Time
	return e, nil
}

func (store) DisableEndpoint(context.Context, webhook.Endpoint, webhook.Reason, time.Time) error {
	return nil
}

// A body is that of a message in the queue.
type body struct {
	webhook.Message
	Retry *retry `json:"retry,omitempty"`
}

type retry struct {
	Attempt     int
	Due, Queued time.Time
}

// A queue is a client of SQS with the messages that were added, by the ID of their
// event, and their delays.
type queue struct {
	added  map[string]body
	delays map[string]time.Duration
	busy   string // the ID of an event that is refused for now
	unfit  string // the ID of an event with which a call is refused
	err    error
}

func newQueue() *queue { return &queue{added: map[string]body{}, delays: map[string]time.Duration{}} }

func (q *queue) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{}
	if q.unfit != "" && slices.ContainsFunc(in.Entries, func(e types.SendMessageBatchRequestEntry) bool {
		return strings.Contains(*e.MessageBody, q.unfit)
	}) {
		return nil, &types.BatchRequestTooLong{}
	}
	for _, e := range in.Entries {
		var b body
		if err := json.Unmarshal([]byte(*e.MessageBody), &b); err != nil || *e.MessageGroupId != strconv.FormatInt(b.UserID, 10) {
			return nil, fmt.Errorf("got entry %+v, %w", e, err)
		}
		if b.Event.ID == q.busy {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
			continue
		}
		q.added[b.Event.ID], q.delays[b.Event.ID] = b, time.Duration(e.DelaySeconds)*time.Second
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
	}
	return out, q.err
}

// received returns a message of the queue whose nth attempt is due.
func received(t *testing.T, id string, userID, endpointID int64, n int, queued time.Time) events.SQSMessage {
	t.Helper()
	e, err := event.New(userID, "evt_"+id, event.TokenCreated, queued, map[string]int{"token_id": 1})
	if err != nil {
		t.Fatal(err)
	}
	b := body{Message: webhook.Message{UserID: userID, EndpointID: endpointID, Event: e}}
	sent := queued
	if n > 1 {
		b.Retry, sent = &retry{n, time.Now(), queued}, time.Now()
	}
	return messageOf(t, id, b, sent)
}

func messageOf(t *testing.T, id string, b body, sent time.Time) events.SQSMessage {
	t.Helper()
	encoded, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return events.SQSMessage{MessageId: id, Body: string(encoded), Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(sent.UnixMilli(), 10)}}
}

// deliver sends an event of the queue to the function, whose receivers answer by the id
// of the endpoint, and returns the messages that stay in the queue, and the log.
func deliver(t *testing.T, q *queue, messages ...events.SQSMessage) (stay []string, log string) {
	t.Helper()
	out, log, err := invoke(t, q, messages...)
	if err != nil {
		t.Fatal(err)
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(out, &answer); err != nil || answer.BatchItemFailures == nil {
		t.Fatalf("got %s, %v", out, err)
	}
	for _, f := range answer.BatchItemFailures {
		stay = append(stay, f.ItemIdentifier)
	}
	return stay, log
}

func invoke(t *testing.T, q *queue, messages ...events.SQSMessage) (out []byte, log string, err error) {
	t.Helper()
	var lines bytes.Buffer
	d := &delivery.Deliverer{Store: store{}, Now: time.Now, Send: func(_ context.Context, e webhook.Endpoint, happened event.Event, number int) webhook.Attempt {
		a := webhook.Attempt{EventID: happened.ID, EventType: happened.Type, Time: time.Now().Unix(), Number: number, Status: 200}
		switch e.ID {
		case 2:
			a.Status, a.Failure = 500, webhook.FailStatus
		case 3:
			a.Status, a.Failure = 410, webhook.FailGone
		case 4:
			a.Status, a.Failure, a.RetryAfter = 429, webhook.FailStatus, 2*time.Hour
		case 5:
			time.Sleep(delivery.Timeout)
			a.Status, a.Failure = 0, webhook.FailTimeout
		}
		return a
	}}
	payload, err := json.Marshal(events.SQSEvent{Records: messages})
	if err != nil {
		t.Fatal(err)
	}
	out, err = publish.Deliver(d, &publish.Queue{Client: q}, slog.New(slog.NewJSONHandler(&lines, nil))).Invoke(t.Context(), payload)
	return out, lines.String(), err
}

// Of a batch, what has another attempt is added to the queue again, delayed until then,
// and what can't be read or crashes stays as it is. The rest is done.
func TestDeliverBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		q := newQueue()
		poison := received(t, "poison", 1, 1, 1, now)
		poison.Body = `{"user_id":1}`
		undated := received(t, "undated", 1, 1, 1, now)
		delete(undated.Attributes, "SentTimestamp")
		stay, log := deliver(t, q,
			received(t, "ok", 1, 1, 1, now), received(t, "down", 1, 2, 1, now), received(t, "second", 1, 2, 2, now.Add(-time.Minute)), received(t, "last", 1, 2, 8, now.Add(-23*time.Hour)),
			received(t, "old", 1, 2, 3, now.Add(-24*time.Hour)), received(t, "gone", 1, 3, 1, now), received(t, "busy", 1, 4, 1, now), received(t, "slow", 1, 5, 1, now),
			received(t, "unknown", 1, 6, 1, now), received(t, "crash", 13, 1, 1, now), poison, undated)
		if want := []string{"crash", "poison", "undated"}; !cmp.Equal(stay, want) {
			t.Errorf("got %v in the queue, want %v", stay, want)
		}
		const took = delivery.Timeout // of the slowest
		for id, want := range map[string]struct {
			attempt     int
			pause, late time.Duration // late: when the attempt before has ended
			delay       time.Duration
		}{
			"down": {attempt: 2, pause: 5 * time.Second}, "second": {attempt: 3, pause: 5 * time.Minute, delay: 5*time.Minute - took},
			"busy": {attempt: 2, pause: 2 * time.Hour, delay: 15 * time.Minute}, "slow": {attempt: 2, pause: 5 * time.Second, late: took, delay: 5 * time.Second},
		} {
			got, ok := q.added["evt_"+id]
			if !ok {
				t.Errorf("%s has no other attempt", id)
				continue
			}
			pause, queued := got.Retry.Due.Sub(now)-want.late, now
			if id == "second" {
				queued = now.Add(-time.Minute)
			}
			if got.Retry.Attempt != want.attempt || !got.Retry.Queued.Equal(queued) || pause < want.pause || pause > want.pause+want.pause/10 {
				t.Errorf("%s: got %+v after %s, want attempt %d after %s and up to a tenth more", id, got.Retry, pause, want.attempt, want.pause)
			}
			if delay := q.delays["evt_"+id]; delay < want.delay || delay > min(want.delay+want.pause/10+time.Second, 15*time.Minute) {
				t.Errorf("%s is delayed for %s, want %s and up to a tenth of the pause more", id, delay, want.delay)
			}
		}
		if len(q.added) != 4 {
			t.Errorf("got %v added, want four", q.added)
		}
		if took := time.Since(now); took != delivery.Timeout {
			t.Errorf("took %s, want no longer than the slowest receiver", took)
		}
		if strings.Contains(log, "secret-path") || strings.Contains(log, "example.com") {
			t.Errorf("the log has the URL:\n%s", log)
		}
		for _, want := range []string{
			`"level":"INFO","msg":"attempt","ms":0,"request_id":"","status":200,"user_id":1,"webhook_id":1,"event_id":"evt_ok","event":"token.created","attempt":1,"outcome":"delivered"}`,
			`"status":500,"user_id":1,"webhook_id":2,"event_id":"evt_last","event":"token.created","attempt":8,"outcome":"given_up","failure":"status"}`,
			`"level":"ERROR","msg":"attempt","ms":0,"request_id":"","error":"read message poison: the body is not a webhook on its way"}`,
			`"msg":"request","route":"deliver","ms":15000,"request_id":"","messages":12,"delivered":1,"retried":4,"early":0,"ended":4,"unreadable":3,`,
			`panic: a fault`,
		} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %s:\n%s", want, log)
			}
		}
		if strings.Contains(log, "evt_unknown") {
			t.Errorf("the log has a line about a message without an attempt:\n%s", log)
		}
	})
}

// Slow receivers of a batch are waited for at once.
func TestDeliverAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		deliver(t, newQueue(), received(t, "slow", 1, 5, 1, now), received(t, "slower", 1, 5, 1, now))
		if took := time.Since(now); took != delivery.Timeout {
			t.Errorf("took %s, want %s", took, delivery.Timeout)
		}
	})
}

// A message that can't be added again stays in the queue, and the log says so.
func TestPostponeFails(t *testing.T) {
	t.Parallel()
	q := newQueue()
	q.err = errors.New("no route to host")
	stay, log := deliver(t, q, received(t, "ok", 1, 1, 1, time.Now()), received(t, "down", 1, 2, 1, time.Now()))
	if !cmp.Equal(stay, []string{"down"}) || !strings.Contains(log, "no route to host") || !strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("got %v in the queue and the log %s", stay, log)
	}
	// Without a message that is done, the invocation fails: the alarm on errors tells of it.
	if out, _, err := invoke(t, q, received(t, "down", 1, 2, 1, time.Now())); err == nil || out != nil {
		t.Errorf("got %s, %v, want an error", out, err)
	}
}

// Of the messages that are to be added again, only those that were not added stay: the
// others would be there twice.
func TestPostponeSome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.busy = "evt_b"
		stay, log := deliver(t, q, received(t, "a", 1, 2, 1, time.Now()), received(t, "b", 1, 2, 1, time.Now()), received(t, "c", 1, 2, 1, time.Now()))
		if !cmp.Equal(stay, []string{"b"}) || len(q.added) != 2 || !strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("got %v that stay, %d that were added, and the log %s, want b to stay", stay, len(q.added), log)
		}
	})
}

// A message that the queue never takes again is not received again, with another attempt
// each time: it is lost, and counts for the alarm.
func TestPostponeLost(t *testing.T) {
	t.Parallel()
	q := newQueue()
	q.unfit = "evt_b"
	stay, log := deliver(t, q, received(t, "a", 1, 2, 1, time.Now()), received(t, "b", 1, 2, 1, time.Now()), received(t, "c", 1, 2, 1, time.Now()))
	if len(stay) > 0 || len(q.added) != 2 || !strings.Contains(log, `"level":"ERROR","msg":"request"`) || !strings.Contains(log, `"unreadable":1,`) || !strings.Contains(log, "BatchRequestTooLong") {
		t.Errorf("got %v that stay, %v that were added, and the log %s, want b lost", stay, q.added, log)
	}
}

// What is not an event of a queue is an error that quotes nothing of it.
func TestDeliverForeignPayloads(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"", "null", "{}", "[1]", `{"Records":[]}`, `{"Records":"whsec_AAAA"}`} {
		var lines bytes.Buffer
		out, err := publish.Deliver(&delivery.Deliverer{}, nil, slog.New(slog.NewJSONHandler(&lines, nil))).Invoke(t.Context(), []byte(payload))
		if err == nil || out != nil || strings.Contains(fmt.Sprint(err, lines.String()), "whsec_AAAA") {
			t.Errorf("%s: got %s, %v and the log %s", payload, out, err, lines.String())
		}
	}
}
