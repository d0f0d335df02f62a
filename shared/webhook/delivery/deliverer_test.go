package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// A store has one endpoint in memory. Its rules are those of delivery.Store.
type store struct {
	mu       sync.Mutex
	endpoint *webhook.Endpoint
	recorded int
	err      error
}

func (s *store) Endpoint(context.Context, int64, int64) (webhook.Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return webhook.Endpoint{}, s.err
	}
	if s.endpoint == nil {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	return *s.endpoint, nil
}

func (s *store) RecordAttempt(_ context.Context, _ webhook.Endpoint, a webhook.Attempt) (webhook.Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded++
	s.endpoint.Last = a
	switch {
	case a.Failure == "":
		s.endpoint.FailingSince = 0
	case s.endpoint.FailingSince == 0:
		s.endpoint.FailingSince = a.Time
	}
	return *s.endpoint, nil
}

func (s *store) DisableEndpoint(_ context.Context, e webhook.Endpoint, reason webhook.Reason, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.URL == s.endpoint.URL {
		s.endpoint.Disabled = reason
	}
	return nil
}

// A receiver that is down gets each event eight times within a day, and its endpoint
// is disabled once every attempt has failed for three days. One that works again in
// between stays enabled.
func TestFailingReceiver(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		worksOnDay int
		want       webhook.Reason
		outcomes   map[delivery.Outcome]int
	}{
		"down":        {worksOnDay: -1, want: webhook.Failing, outcomes: map[delivery.Outcome]int{delivery.Retry: 28, delivery.GivenUp: 3, delivery.Disabled: 1, delivery.Dropped: 1}},
		"works_again": {worksOnDay: 2, outcomes: map[delivery.Outcome]int{delivery.Retry: 28, delivery.GivenUp: 4, delivery.Delivered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &store{endpoint: &webhook.Endpoint{UserID: 1, ID: 1, URL: "https://example.com/"}}
				var works atomic.Bool
				d := &delivery.Deliverer{Store: s, Now: time.Now, Send: func(_ context.Context, _ webhook.Endpoint, e event.Event, number int) webhook.Attempt {
					a := webhook.Attempt{EventID: e.ID, EventType: e.Type, Time: time.Now().Unix(), Number: number, Status: http.StatusOK}
					if !works.Load() {
						a.Status, a.Failure = http.StatusInternalServerError, webhook.FailStatus
					}
					return a
				}}
				got := map[delivery.Outcome]int{}
				var mu sync.Mutex
				q := delivery.NewMemoryQueue(t.Context(), d, func(_ webhook.Message, r delivery.Result) {
					mu.Lock()
					defer mu.Unlock()
					got[r.Outcome]++
				}, func(int) {})
				for day := range 5 {
					works.Store(day == tt.worksOnDay)
					if err := q.Enqueue(t.Context(), []webhook.Message{{UserID: 1, EndpointID: 1, Event: newEvent(t)}}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(24*time.Hour + time.Minute) // of the fake clock
				}
				q.Wait()
				if diff := cmp.Diff(tt.outcomes, got); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				if s.endpoint.Disabled != tt.want {
					t.Errorf("got %q, want %q", s.endpoint.Disabled, tt.want)
				}
			})
		})
	}
}

// An endpoint that answers 410 is disabled at once; what is queued for it is dropped.
func TestGone(t *testing.T) {
	t.Parallel()
	s := &store{endpoint: &webhook.Endpoint{UserID: 1, ID: 1, URL: "https://example.com/"}}
	calls := 0
	d := &delivery.Deliverer{Store: s, Now: time.Now, Send: func(context.Context, webhook.Endpoint, event.Event, int) webhook.Attempt {
		calls++
		return webhook.Attempt{Status: http.StatusGone, Failure: webhook.FailGone, Time: time.Now().Unix()}
	}}
	message := webhook.Message{UserID: 1, EndpointID: 1, Event: newEvent(t)}
	for i, want := range []delivery.Outcome{delivery.Disabled, delivery.Dropped} {
		if r := d.Deliver(t.Context(), message, 1, time.Now()); r.Outcome != want || r.Err != nil {
			t.Errorf("delivery %d: got %+v, want %s", i, r, want)
		}
	}
	if s.endpoint.Disabled != webhook.Gone || calls != 1 {
		t.Errorf("got %q after %d calls, want gone after 1", s.endpoint.Disabled, calls)
	}
	s.endpoint = nil
	if r := d.Deliver(t.Context(), message, 1, time.Now()); r.Outcome != delivery.Dropped {
		t.Errorf("deleted: got %+v", r)
	}
}

// A store that does not answer loses no event, and attempts that go like the one
// before are recorded once a minute.
func TestDeliverAndStore(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	s := &store{endpoint: &webhook.Endpoint{UserID: 1, ID: 1, URL: "https://example.com/"}, err: errors.New("no answer")}
	status := http.StatusOK
	d := &delivery.Deliverer{Store: s, Now: func() time.Time { return now }, Send: func(context.Context, webhook.Endpoint, event.Event, int) webhook.Attempt {
		a := webhook.Attempt{Status: status, Time: now.Unix()}
		if status != http.StatusOK {
			a.Failure, a.RetryAfter = webhook.FailStatus, 10*time.Minute
		}
		return a
	}}
	message := webhook.Message{UserID: 1, EndpointID: 1, Event: newEvent(t)}
	if r := d.Deliver(t.Context(), message, 1, now); r.Outcome != delivery.Retry || r.Pause < 5*time.Second || !errors.Is(r.Err, s.err) {
		t.Errorf("no answer of the store: got %+v", r)
	}
	s.err = nil
	var got []string
	for _, step := range []struct {
		after  time.Duration
		status int
	}{{0, 200}, {0, 200}, {59 * time.Second, 200}, {time.Second, 200}, {time.Second, 503}, {time.Second, 503}, {time.Second, 500}, {time.Second, 200}} {
		now, status = now.Add(step.after), step.status
		r := d.Deliver(t.Context(), message, 1, now)
		got = append(got, fmt.Sprintf("%d %s %d", step.status, r.Outcome, s.recorded))
		if r.Outcome == delivery.Retry && (r.Pause < 10*time.Minute || r.Pause > 11*time.Minute) {
			t.Errorf("got a pause of %s, want what Retry-After says", r.Pause)
		}
	}
	want := []string{"200 delivered 1", "200 delivered 1", "200 delivered 1", "200 delivered 2", "503 retry 3", "503 retry 3", "500 retry 4", "200 delivered 5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status, outcome and number of records (-want +got):\n%s", diff)
	}
}

// A queue takes no more messages than it can keep, and leaves room for other endpoints.
// It drops the others, and reports each once: callers that are told to come again would
// come with more and more messages.
func TestMemoryQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &delivery.Deliverer{Store: &store{endpoint: &webhook.Endpoint{UserID: 1, ID: 1}}, Now: time.Now, Send: func(ctx context.Context, _ webhook.Endpoint, _ event.Event, _ int) webhook.Attempt {
			<-ctx.Done() // the receiver does not answer
			return webhook.Attempt{Failure: webhook.FailTimeout}
		}}
		var dropped []int
		q := delivery.NewMemoryQueue(ctx, d, func(webhook.Message, delivery.Result) {}, func(count int) { dropped = append(dropped, count) })
		enqueue := func(endpointID int64, n int) {
			t.Helper()
			if err := q.Enqueue(ctx, slices.Repeat([]webhook.Message{{UserID: 1, EndpointID: endpointID}}, n)); err != nil {
				t.Error(err)
			}
		}
		enqueue(1, 4_990)
		enqueue(1, 15)
		enqueue(1, 7)
		time.Sleep(2 * time.Second) // of the fake clock
		synctest.Wait()
		enqueue(2, 2_500)
		enqueue(1, 20_000)
		cancel()
		q.Wait()
		if diff := cmp.Diff([]int{12, 20_000}, dropped); diff != "" {
			t.Errorf("dropped (-want +got):\n%s", diff)
		}
		enqueue(1, 1) // there is room again
		q.Wait()
		if len(dropped) != 2 {
			t.Errorf("got %v, want nothing dropped by an empty queue", dropped)
		}
	})
}
