package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
)

// A Message is an event on its way to one endpoint.
type Message struct {
	UserID     int64       `json:"user_id"`
	EndpointID int64       `json:"endpoint_id"`
	Event      event.Event `json:"event"`
}

// A Queue keeps messages until they are delivered or given up.
type Queue interface {
	// Enqueue adds messages. After an error, none, some or all of them are in the
	// queue. After an event.LostError, all are that ever can be.
	Enqueue(ctx context.Context, messages []Message) error
}

// An EndpointReader reads the endpoints of a user. It leaves out those that can't be
// read; unread says why the first one can't.
type EndpointReader interface {
	EndpointsOf(ctx context.Context, userID int64) (all []Endpoint, unread, err error)
}

// endpointsAge is how long a Sender believes what it has read, and mostUsers of how
// many users it remembers that.
const (
	endpointsAge = time.Minute
	mostUsers    = 10_000
)

// A Sender queues events for the endpoints of their users. It reads the endpoints of
// a user at most once a minute, so a new endpoint gets what happens a minute later.
// It is safe for concurrent use.
type Sender struct {
	endpoints EndpointReader
	queue     Queue
	now       func() time.Time
	sent      *event.Recent // see sentKey

	mu    sync.Mutex
	known map[int64]knownEndpoints // by user
}

type knownEndpoints struct {
	endpoints []Endpoint
	until     time.Time
}

// NewSender returns a Sender.
func NewSender(endpoints EndpointReader, queue Queue, now func() time.Time) *Sender {
	return &Sender{endpoints: endpoints, queue: queue, now: now, sent: event.NewRecent(now), known: map[int64]knownEndpoints{}}
}

// Publish implements event.Publisher: it queues one message for each endpoint that
// wants an event, unless this process has done so in about the last hour.
func (s *Sender) Publish(ctx context.Context, events []event.Event) error {
	var (
		messages []Message
		keys     []string
		lost     *event.LostError
	)
	for _, happened := range events {
		endpoints, unread, err := s.endpointsOf(ctx, happened.UserID)
		if err != nil {
			return fmt.Errorf("read the webhooks of user %d: %w", happened.UserID, err)
		}
		if unread != nil {
			lost = lost.Add(&event.LostError{Events: 1, Why: unread.Error()})
		}
		for _, e := range endpoints {
			if key := sentKey(happened, e); e.Wants(happened.Type) && !s.sent.Has(key) {
				messages, keys = append(messages, Message{happened.UserID, e.ID, happened}), append(keys, key)
			}
		}
	}
	if len(messages) == 0 {
		return lost.Err()
	}
	err := s.queue.Enqueue(ctx, messages)
	var more *event.LostError
	if err != nil && !errors.As(err, &more) {
		return err
	}
	s.sent.Add(keys...)
	return lost.Add(more).Err()
}

// sentKey is what a Sender remembers of an event for an endpoint.
func sentKey(e event.Event, to Endpoint) string { return fmt.Sprintf("%d %s", to.ID, e.ID) }

func (s *Sender) endpointsOf(ctx context.Context, userID int64) (all []Endpoint, unread, err error) {
	s.mu.Lock()
	known, ok := s.known[userID]
	s.mu.Unlock()
	if now := s.now(); ok && now.Before(known.until) {
		return known.endpoints, nil, nil
	}
	endpoints, unread, err := s.endpoints.EndpointsOf(ctx, userID)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= mostUsers {
		clear(s.known)
	}
	s.known[userID] = knownEndpoints{endpoints, s.now().Add(endpointsAge)}
	return endpoints, unread, nil
}
