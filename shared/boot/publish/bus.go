package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/latchkey-api/latchkey/shared/event"
)

// Source is the source of all events on the bus.
const Source = "latchkey"

// A BusClient is what a Bus calls of EventBridge.
type BusClient interface {
	PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, options ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// A Bus publishes events to a bus of EventBridge. The detail of an event is the JSON
// that webhooks get, and the detail type is the type of the event.
type Bus struct {
	client BusClient
	name   string
	sent   *event.Recent // ids
}

// NewBus returns the bus with a name.
func NewBus(client BusClient, name string, now func() time.Time) *Bus {
	return &Bus{client, name, event.NewRecent(now)}
}

// Publish implements event.Publisher. It leaves out events that this process has
// published in about the last hour.
func (b *Bus) Publish(ctx context.Context, events []event.Event) error {
	entries := make([]types.PutEventsRequestEntry, 0, len(events))
	ids := make([]string, 0, len(events))
	var unfit, lost *event.LostError
	for _, e := range events {
		if b.sent.Has(e.ID) {
			continue
		}
		ids = append(ids, e.ID)
		detail, err := e.Encode()
		if err != nil {
			unfit = unfit.Add(&event.LostError{Events: 1, Why: err.Error()})
			continue
		}
		entries = append(entries, types.PutEventsRequestEntry{
			EventBusName: &b.name, Source: aws.String(Source), DetailType: aws.String(string(e.Type)), Detail: aws.String(string(detail)), Time: &e.Timestamp,
		})
	}
	err := sendAll(ctx, entries, apart(b.put))
	if err != nil && !errors.As(err, &lost) {
		return fmt.Errorf("publish to the bus %s: %w", b.name, err)
	}
	b.sent.Add(ids...)
	return unfit.Add(lost).Err()
}

func (b *Bus) put(ctx context.Context, entries []types.PutEventsRequestEntry) (refused []types.PutEventsRequestEntry, why string, lost *event.LostError, err error) {
	out, err := b.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return nil, "", nil, fmt.Errorf("put events: %w", err)
	}
	if len(out.Entries) != len(entries) {
		return nil, "", nil, fmt.Errorf("put events: got %d results for %d entries", len(out.Entries), len(entries))
	}
	for i, result := range out.Entries {
		switch code := aws.ToString(result.ErrorCode); {
		case result.EventId != nil:
		case code == "MalformedDetail" || code == "InvalidArgument":
			lost = lost.Add(&event.LostError{Events: 1, Why: "the bus says " + code})
		default:
			refused, why = append(refused, entries[i]), code
		}
	}
	return refused, why, lost, nil
}
