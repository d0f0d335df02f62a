package publish_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/latchkey-api/latchkey/shared/boot/publish"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// newEvents returns events, each of the largest size.
func newEvents(t *testing.T, n int) (all []event.Event) {
	t.Helper()
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for i := range n {
		e, err := event.New(7, fmt.Sprintf("evt_%04d", i), event.TokenCreated, at, map[string]string{"text": strings.Repeat("x", event.MaxBytes-200)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// A service is EventBridge and SQS. It refuses the entries of an event as often as
// refusals says, and its calls fail with err. It has their limits.
type service struct {
	t        *testing.T
	mu       sync.Mutex
	refusals map[string]int
	err      error
	arrived  map[string]int // events, by id
	calls    int
}

// take notes the entries of a call and returns whether each is accepted.
func (s *service) take(bodies []string, more int) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	size := more * len(bodies)
	for _, body := range bodies {
		size += len(body)
	}
	if len(bodies) == 0 || len(bodies) > 10 || size > 256<<10 {
		s.t.Errorf("got a call with %d entries of %d bytes", len(bodies), size)
	}
	if s.err != nil {
		return nil, s.err
	}
	accepted := make([]bool, len(bodies))
	for i, body := range bodies {
		_, id, _ := strings.Cut(body, "evt_")
		id = "evt_" + id[:4]
		if s.refusals[id] > 0 {
			s.refusals[id]--
			continue
		}
		accepted[i] = true
		s.arrived[id]++
	}
	return accepted, nil
}

func (s *service) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	var bodies []string
	for _, e := range in.Entries {
		var sent event.Event
		if err := json.Unmarshal([]byte(*e.Detail), &sent); err != nil || *e.DetailType != string(sent.Type) || !e.Time.Equal(sent.Timestamp) || *e.Source != "latchkey" || *e.EventBusName != "latchkey-prod" {
			s.t.Errorf("got entry %+v, %v", e, err)
		}
		bodies = append(bodies, *e.Detail)
	}
	accepted, err := s.take(bodies, 100)
	out := &eventbridge.PutEventsOutput{}
	for _, ok := range accepted {
		entry := eventtypes.PutEventsResultEntry{EventId: aws.String("id")}
		if !ok {
			entry = eventtypes.PutEventsResultEntry{ErrorCode: aws.String("ThrottlingException")}
			out.FailedEntryCount++
		}
		out.Entries = append(out.Entries, entry)
	}
	return out, err
}

func (s *service) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	var bodies []string
	ids := map[string]bool{}
	for _, e := range in.Entries {
		if *e.MessageGroupId != "7" || ids[*e.Id] || *in.QueueUrl != "https://sqs.test/queue" {
			s.t.Errorf("got entry %+v", e)
		}
		ids[*e.Id] = true
		bodies = append(bodies, *e.MessageBody)
	}
	accepted, err := s.take(bodies, 100)
	out := &sqs.SendMessageBatchOutput{}
	for i, ok := range accepted {
		if ok {
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: in.Entries[i].Id})
		} else {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: in.Entries[i].Id, Code: aws.String("ThrottlingException")})
		}
	}
	return out, err
}

// Events reach the bus and the queue in calls within their limits, even if all have the
// largest size. What is refused is sent again, and only that; what is refused each time,
// or a call that fails, is an error.
func TestSend(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refusals map[string]int
		err      error
		calls    int
		want     string // in the error
		arrive   int
	}{
		"all_arrive":       {calls: 3, arrive: 25},
		"refused_once":     {refusals: map[string]int{"evt_0003": 1, "evt_0004": 3, "evt_0024": 1}, calls: 7, arrive: 25},
		"refused_for_good": {refusals: map[string]int{"evt_0003": 99}, calls: 6, want: "1 entries were refused 4 times (ThrottlingException)", arrive: 24},
		"calls_fail":       {err: errors.New("no route to host"), calls: 3, want: "3 of 3 calls failed, the first: "},
	} {
		for kind, send := range map[string]func(context.Context, *service, []event.Event) error{
			"bus":   func(ctx context.Context, s *service, events []event.Event) error { return toBus(ctx, s, events) },
			"queue": func(ctx context.Context, s *service, events []event.Event) error { return toQueue(ctx, s, events) },
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					refusals := map[string]int{}
					for id, n := range tt.refusals {
						refusals[id] = n
					}
					s := &service{t: t, refusals: refusals, err: tt.err, arrived: map[string]int{}}
					err := send(t.Context(), s, newEvents(t, 25))
					if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
						t.Errorf("got error %v, want %q in it", err, tt.want)
					}
					if s.calls != tt.calls || len(s.arrived) != tt.arrive {
						t.Errorf("got %d calls and %d events, want %d and %d", s.calls, len(s.arrived), tt.calls, tt.arrive)
					}
					for id, n := range s.arrived {
						if n != 1 {
							t.Errorf("%s arrived %d times", id, n)
						}
					}
				})
			})
		}
	}
}

func toBus(ctx context.Context, s publish.BusClient, events []event.Event) error {
	return publish.NewBus(s, "latchkey-prod", time.Now).Publish(ctx, events)
}

func toQueue(ctx context.Context, s publish.QueueClient, events []event.Event) error {
	var messages []webhook.Message
	for _, e := range events {
		messages = append(messages, webhook.Message{UserID: e.UserID, EndpointID: 1, Event: e})
	}
	return (&publish.Queue{Client: s, URL: "https://sqs.test/queue"}).Enqueue(ctx, messages)
}

// An answer that leaves entries out does not count as their arrival.
func TestShortAnswer(t *testing.T) {
	t.Parallel()
	s := &shortAnswer{service{t: t}}
	events := newEvents(t, 2)
	if err := publish.NewBus(s, "latchkey-prod", time.Now).Publish(t.Context(), events); err == nil {
		t.Error("bus: got no error")
	}
	synctest.Test(t, func(t *testing.T) {
		if err := (&publish.Queue{Client: s, URL: "https://sqs.test/queue"}).Enqueue(t.Context(), []webhook.Message{{UserID: 7, EndpointID: 1, Event: events[0]}}); err == nil {
			t.Error("queue: got no error")
		}
	})
}

type shortAnswer struct{ service }

func (*shortAnswer) PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return &eventbridge.PutEventsOutput{}, nil
}

func (*shortAnswer) SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return &sqs.SendMessageBatchOutput{}, nil
}

// An entry that would be refused each time is lost, and no reason to repeat the others;
// one that is refused for a fault of the deployment is not lost. What was published is
// not published again.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"InvalidMessageContents": true, "MalformedDetail": true, "ThrottlingException": false, "KMS.DisabledException": false} {
		for kind, send := range map[string]func(context.Context, *refusing, []event.Event) error{
			"bus": func(ctx context.Context, s *refusing, e []event.Event) error {
				return publish.NewBus(s, "latchkey-prod", time.Now).Publish(ctx, e)
			},
			"queue": func(ctx context.Context, s *refusing, e []event.Event) error {
				return (&publish.Queue{Client: s}).Enqueue(ctx, []webhook.Message{{Event: e[0]}, {Event: e[1]}})
			},
		} {
			if kind == "bus" && code == "InvalidMessageContents" || kind == "queue" && code == "MalformedDetail" {
				continue // a code of the other service
			}
			synctest.Test(t, func(t *testing.T) {
				s := &refusing{code: code}
				err := send(t.Context(), s, newEvents(t, 2))
				var lost *event.LostError
				if errors.As(err, &lost) != want || want && (lost.Events != 1 || s.calls != 1) || err == nil {
					t.Errorf("%s, %s: got %v after %d calls, want an event lost: %t", kind, code, err, s.calls, want)
				}
			})
		}
	}
	s := &refusing{code: "MalformedDetail"}
	bus := publish.NewBus(s, "latchkey-prod", time.Now)
	events := newEvents(t, 2)
	if err := bus.Publish(t.Context(), events); err == nil {
		t.Error("got no error")
	}
	if err := bus.Publish(t.Context(), events); err != nil || s.calls != 1 {
		t.Errorf("got %v after %d calls, want one", err, s.calls)
	}
}

// A refusing service refuses the first entry of each call, with a code.
type refusing struct {
	service
	code string
}

func (s *refusing) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	s.calls++
	out := &eventbridge.PutEventsOutput{Entries: []eventtypes.PutEventsResultEntry{{ErrorCode: &s.code}}}
	for range in.Entries[1:] {
		out.Entries = append(out.Entries, eventtypes.PutEventsResultEntry{EventId: aws.String("id")})
	}
	return out, nil
}

func (s *refusing) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	s.calls++
	out := &sqs.SendMessageBatchOutput{Failed: []types.BatchResultErrorEntry{{Id: in.Entries[0].Id, Code: &s.code, SenderFault: true}}}
	for _, e := range in.Entries[1:] {
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
