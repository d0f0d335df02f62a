package webhook_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// happened returns an event with an id of its own.
func happened(t testing.TB, kind event.Type) event.Event {
	t.Helper()
	e, err := event.New(9, "evt_"+rand.Text(), kind, time.Date(2026, 11, 27, 10, 0, 0, 5e8, time.FixedZone("", 3600)), map[string]int64{"token_id": 7})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// An endpoint chooses types, kinds of types, or all.
func TestTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ patterns, want []string }{
		{nil, nil},
		{[]string{"*"}, nil},
		{[]string{"token.created", "*"}, nil},
		{[]string{"token.created", "token.created", "user.*"}, []string{"token.created", "user.*"}},
	} {
		if got, err := webhook.CheckTypes(tt.patterns); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, %v, want %q", tt.patterns, got, err, tt.want)
		}
	}
	for _, pattern := range []string{"", "token", "token.creat*", "token*", "tokens.*", "webhook.test", "**", "TOKEN.created"} {
		if _, err := webhook.CheckTypes([]string{pattern}); err == nil {
			t.Errorf("%q: got no error", pattern)
		}
	}
	some := webhook.Endpoint{Types: []string{"token.created", "user.*"}}
	for kind, want := range map[event.Type]bool{
		event.TokenCreated: true, event.BudgetLow: true, event.Test: true, event.TokenDeleted: false, "token.created2": false, "user": false,
	} {
		if got := some.Wants(kind); got != want {
			t.Errorf("%s: got %t, want %t", kind, got, want)
		}
	}
	some.Disabled = webhook.Gone
	if some.Wants(event.TokenCreated) || !(webhook.Endpoint{}).Wants(event.TokenDeleted) {
		t.Error("a disabled endpoint wants events, or one without types wants none")
	}
}

// The previous secret signs until its time is over.
func TestSecretsWhileRotating(t *testing.T) {
	t.Parallel()
	e := webhook.Endpoint{Secret: webhook.NewSecret(), Previous: webhook.NewSecret(), PreviousUntil: 100}
	for now, want := range map[int64]int{99: 2, 100: 1, 101: 1} {
		if got := e.Secrets(now); len(got) != want || got[0].Reveal() != e.Secret.Reveal() {
			t.Errorf("at %d: got %d secrets, want %d, the current one first", now, len(got), want)
		}
	}
}

// A recorder is an EndpointReader and a Queue.
type recorder struct {
	endpoints []webhook.Endpoint
	reads     int
	messages  []webhook.Message
	unread    error
	err       error
	refusal   error // of Enqueue
}

func (r *recorder) EndpointsOf(context.Context, int64) (all []webhook.Endpoint, unread, err error) {
	r.reads++
	return r.endpoints, r.unread, r.err
}

func (r *recorder) Enqueue(_ context.Context, messages []webhook.Message) error {
	r.messages = append(r.messages, messages...)
	return r.refusal
}

// An event is queued for each endpoint that wants it. A user costs one read a
// minute, with or without endpoints.
func TestSender(t *testing.T) {
	t.Parallel()
	r := &recorder{endpoints: []webhook.Endpoint{{ID: 1}, {ID: 2, Types: []string{"user.*"}}, {ID: 3, Disabled: webhook.Gone}, {ID: 4, Types: []string{"token.*"}}}}
	now := time.Unix(1_700_000_000, 0)
	s := webhook.NewSender(r, r, func() time.Time { return now })
	send := func(events ...event.Event) {
		t.Helper()
		if err := s.Publish(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	send(happened(t, event.TokenCreated), happened(t, event.BudgetLow))
	var got []string
	for _, m := range r.messages {
		got = append(got, fmt.Sprintf("%s to %d", m.Event.Type, m.EndpointID))
		if m.UserID != 9 {
			t.Errorf("got a message for user %d", m.UserID)
		}
	}
	if diff := cmp.Diff([]string{"token.created to 1", "token.created to 4", "user.budget_low to 1", "user.budget_low to 2"}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	now = now.Add(59 * time.Second)
	r.endpoints = nil
	send(happened(t, event.TokenCreated))
	if r.reads != 1 || len(r.messages) != 6 {
		t.Errorf("within a minute: got %d reads and %d messages, want 1 and 6", r.reads, len(r.messages))
	}
	now = now.Add(time.Second)
	for range 3 {
		send(happened(t, event.TokenCreated))
	}
	if r.reads != 2 || len(r.messages) != 6 {
		t.Errorf("a minute later: got %d reads and %d messages, want 2 and 6", r.reads, len(r.messages))
	}
	r.err = errors.New("no answer")
	other := happened(t, event.TokenCreated)
	other.UserID = 10
	if err := s.Publish(t.Context(), []event.Event{other}); !errors.Is(err, r.err) {
		t.Errorf("got %v, want the error of the store", err)
	}
}

// An event that comes again is queued once for each endpoint, but again if the queue did
// not take it. What can't be read or queued is reported, and keeps nothing from the rest.
func TestSenderRepeats(t *testing.T) {
	t.Parallel()
	r := &recorder{endpoints: []webhook.Endpoint{{ID: 1}, {ID: 2}}, unread: errors.New("webhook 3 has no URL"), refusal: errors.New("no answer")}
	now := time.Unix(1_700_000_000, 0)
	s := webhook.NewSender(r, r, func() time.Time { return now })
	events := []event.Event{happened(t, event.TokenCreated)}
	if err := s.Publish(t.Context(), events); !errors.Is(err, r.refusal) || len(r.messages) != 2 {
		t.Errorf("got %v after %d messages, want the error of the queue after 2", err, len(r.messages))
	}
	now = now.Add(time.Minute)
	r.refusal = &event.LostError{Events: 1, Why: "malformed"}
	var lost *event.LostError
	if err := s.Publish(t.Context(), events); !errors.As(err, &lost) || lost.Events != 2 || len(r.messages) != 4 {
		t.Errorf("got %v after %d messages, want an event lost by the reader and one by the queue, after 4", err, len(r.messages))
	}
	r.refusal = nil
	for range 2 {
		if err := s.Publish(t.Context(), events); err != nil || len(r.messages) != 4 {
			t.Errorf("got %v after %d messages, want 4: all are queued", err, len(r.messages))
		}
	}
}
