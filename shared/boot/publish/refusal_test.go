package publish_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/latchkey-api/latchkey/shared/boot/publish"
	"github.com/latchkey-api/latchkey/shared/event"
)

// A strict service refuses each call that has one of the unfit events.
type strict struct {
	service
	unfit   []string
	refusal error
}

func (s *strict) refuse(bodies []string) error {
	for _, id := range s.unfit {
		if slices.ContainsFunc(bodies, func(body string) bool { return strings.Contains(body, id) }) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls++
			return fmt.Errorf("operation error: %w", s.refusal)
		}
	}
	return nil
}

func (s *strict) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, options ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	var bodies []string
	for _, e := range in.Entries {
		bodies = append(bodies, *e.Detail)
	}
	if err := s.refuse(bodies); err != nil {
		return nil, err
	}
	return s.service.PutEvents(ctx, in, options...)
}

func (s *strict) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	var bodies []string
	for _, e := range in.Entries {
		bodies = append(bodies, *e.MessageBody)
	}
	if err := s.refuse(bodies); err != nil {
		return nil, err
	}
	return s.service.SendMessageBatch(ctx, in, options...)
}

// A call that is refused because of an entry is sent in parts, down to that entry, which
// is lost; all others arrive once, also those that are throttled once. A refusal for a
// fault of the deployment loses nothing: the call fails, and is made again.
func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	api := func(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }
	for name, tt := range map[string]struct {
		refusal error
		unfit   bool
	}{
		"too_long_queue":   {&types.BatchRequestTooLong{}, true},
		"too_long_code":    {api("AWS.SimpleQueueService.BatchRequestTooLong", ""), true},
		"characters":       {&types.InvalidMessageContents{}, true},
		"parameter":        {api("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes."), true},
		"type_of_queue":    {api("InvalidParameterValue", "Value 1 for parameter MessageGroupId is invalid. Reason: The request include parameter that is not valid for this queue type."), false},
		"detail":           {api("ValidationException", "1 validation error detected: Value '{}' at 'entries.1.member.detail' failed to satisfy constraint: Member must not be null"), true},
		"another_name":     {api("ValidationException", "Parameter EventBusName is not valid."), false},
		"too_long_bus":     {api("ValidationException", "Total size of the entries in the request is over the limit."), true},
		"no_body":          {&smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusRequestEntityTooLarge}}, Err: api("UnknownError", "")}, true},
		"name_of_the_bus":  {api("ValidationException", "Value '' at 'entries.1.member.eventBusName' failed to satisfy constraint"), false},
		"rights":           {api("AccessDeniedException", ""), false},
		"queue_is_missing": {&types.QueueDoesNotExist{}, false},
		"key":              {&types.KmsDisabled{}, false},
		"throttled":        {api("ThrottlingException", ""), false},
		"no_answer":        {errors.New("no route to host"), false},
		"unknown":          {api("Another", ""), false},
	} {
		for kind, send := range map[string]func(context.Context, *strict, []event.Event) error{
			"bus":   func(ctx context.Context, s *strict, events []event.Event) error { return toBus(ctx, s, events) },
			"queue": func(ctx context.Context, s *strict, events []event.Event) error { return toQueue(ctx, s, events) },
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &strict{service{t: t, refusals: map[string]int{"evt_0001": 1, "evt_0007": 1}, arrived: map[string]int{}}, []string{"evt_0003", "evt_0012"}, tt.refusal}
					err := send(t.Context(), s, newEvents(t, 25))
					var lost *event.LostError
					if errors.As(err, &lost) != tt.unfit || err == nil {
						t.Fatalf("got %v, want an event lost: %t", err, tt.unfit)
					}
					if !tt.unfit {
						return
					}
					for i := range 25 {
						id := fmt.Sprintf("evt_%04d", i)
						if got, want := s.arrived[id], 1; got != want && !slices.Contains(s.unfit, id) {
							t.Errorf("%s arrived %d times, want once", id, got)
						}
					}
					if lost.Events != 2 || len(s.arrived) != 23 || s.calls > 25 {
						t.Errorf("got %d lost, %d arrived after %d calls, want 2 and 23", lost.Events, len(s.arrived), s.calls)
					}
				})
			})
		}
	}
}

// A queue answers each call by what it knows about the entries, by their ids.
type knowing func(entries []types.SendMessageBatchRequestEntry) (*sqs.SendMessageBatchOutput, error)

func (k knowing) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return k(in.Entries)
}

// TestAddReports checks that a message is reported as added only if it is in the queue
// or the error says how many are lost. Otherwise it comes again, or is counted by nobody.
func TestAddReports(t *testing.T) {
	t.Parallel()
	taken := func(entries []types.SendMessageBatchRequestEntry) *sqs.SendMessageBatchOutput {
		out := new(sqs.SendMessageBatchOutput)
		for _, e := range entries {
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
		return out
	}
	calls := 0
	for name, tt := range map[string]struct {
		queue knowing
		added []bool
		lost  int
	}{
		"half_of_a_refused_call_arrives": {func(entries []types.SendMessageBatchRequestEntry) (*sqs.SendMessageBatchOutput, error) {
			calls++
			switch calls {
			case 1:
				return nil, &types.BatchRequestTooLong{}
			case 2:
				return taken(entries), nil
			}
			return nil, &smithy.GenericAPIError{Code: "ThrottlingException"}
		}, []bool{true, true, false, false}, 0},
		"one_is_unfit_and_another_fails": {func(entries []types.SendMessageBatchRequestEntry) (*sqs.SendMessageBatchOutput, error) {
			out := new(sqs.SendMessageBatchOutput)
			for _, e := range entries {
				switch *e.Id {
				case "0":
					out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InvalidMessageContents"), SenderFault: true})
				case "1":
					out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
				default:
					out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
				}
			}
			return out, nil
		}, []bool{false, false, true, true}, 0},
		"one_is_unfit": {func(entries []types.SendMessageBatchRequestEntry) (*sqs.SendMessageBatchOutput, error) {
			if len(entries) > 1 || *entries[0].Id == "2" {
				return nil, &types.InvalidMessageContents{}
			}
			return taken(entries), nil
		}, []bool{true, true, true, true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				added, err := publish.AddEmpty(t.Context(), &publish.Queue{Client: tt.queue, URL: "url"}, 4)
				var lost *event.LostError
				errors.As(err, &lost)
				if !slices.Equal(added, tt.added) || lost.Count() != tt.lost || err == nil {
					t.Errorf("got %v and %v, want %v and %d lost", added, err, tt.added, tt.lost)
				}
			})
		})
	}
}
