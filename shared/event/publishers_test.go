package event_test

import (
	"context"
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/shared/event"
)

// A publisher counts events, and fails if it has an error.
type publisher struct {
	got int
	err error
}

func (p *publisher) Publish(_ context.Context, events []event.Event) error {
	p.got += len(events)
	return p.err
}

// A publisher that fails keeps the events from those after it, which would else get them
// with each repetition. One that loses events does not.
func TestPublishers(t *testing.T) {
	t.Parallel()
	busy := errors.New("busy")
	first, second := &publisher{err: busy}, &publisher{}
	err := event.Publishers{first, second}.Publish(t.Context(), make([]event.Event, 3))
	if !errors.Is(err, busy) || first.got != 3 || second.got != 0 {
		t.Errorf("got %v with %d and %d events, want %v with 3 and 0", err, first.got, second.got, busy)
	}
	first.err = &event.LostError{Events: 2, Why: "malformed"}
	var lost *event.LostError
	if err := (event.Publishers{first, second, first}).Publish(t.Context(), make([]event.Event, 3)); !errors.As(err, &lost) || lost.Events != 4 || second.got != 3 {
		t.Errorf("got %v with %d events, want 4 lost and 3 published", err, second.got)
	}
	if err := (event.Publishers{}).Publish(t.Context(), nil); err != nil {
		t.Errorf("got %v from no publishers", err)
	}
}
