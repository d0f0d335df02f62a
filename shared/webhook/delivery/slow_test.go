package delivery_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/slowtest"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// A receiver that does not answer in time fails the attempt, which ends by itself,
// names the cause, and is followed by another. Only the head of an answer counts: a body
// without an end takes neither time nor memory.
func TestSlowReceivers(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	var sent atomic.Int64
	silent := slowtest.Listen(t, slowtest.Silence)
	dead := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", silent)
	}}
	for name, tt := range map[string]struct {
		url     string
		failure webhook.Failure
	}{
		"never_answers":    {"http://" + silent, webhook.FailTimeout},
		"hangs_in_tls":     {"https://" + silent, webhook.FailTimeout},
		"hangs_in_dns":     {"https://slow.example", webhook.FailTimeout},
		"head_trickles":    {"http://" + slowtest.Listen(t, slowtest.TrickleHead), webhook.FailTimeout},
		"request_trickles": {"http://" + slowtest.Listen(t, func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 10); time.Sleep(2 * timeout) }), webhook.FailTimeout},
		"body_trickles": {"http://" + slowtest.Listen(t, func(c net.Conn) {
			slowtest.ReadRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			slowtest.Trickle(c, "a")
		}), ""},
		"body_has_no_end":   {"http://" + slowtest.Listen(t, func(c net.Conn) { sent.Add(slowtest.Flood(c)) }), ""},
		"continues_forever": {"http://" + slowtest.Listen(t, func(c net.Conn) { slowtest.ReadRequest(c); slowtest.Trickle(c, "HTTP/1.1 102 Processing\r\n\r\n") }), webhook.FailTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := delivery.NewClient(local(), timeout, time.Now)
			client.ResolveWith(dead)
			s := &store{endpoint: &webhook.Endpoint{UserID: 1, ID: 1, URL: tt.url, Secret: webhook.NewSecret()}}
			d := &delivery.Deliverer{Store: s, Send: client.Send, Now: time.Now}
			started := time.Now()
			r := d.Deliver(t.Context(), webhook.Message{UserID: 1, EndpointID: 1, Event: newEvent(t)}, 1, started)
			took := time.Since(started)
			want := delivery.Delivered
			if tt.failure != "" {
				want = delivery.Retry
			}
			if r.Outcome != want || r.Attempt.Failure != tt.failure || s.endpoint.Last != r.Attempt || (s.endpoint.FailingSince != 0) != (tt.failure != "") {
				t.Errorf("got %+v and recorded %+v, want %s and %q", r, s.endpoint.Last, want, tt.failure)
			}
			if (tt.failure == webhook.FailTimeout) != (took >= timeout) || took > timeout+10*time.Second { // a busy machine adds to it
				t.Errorf("took %s of %s", took, timeout)
			}
		})
	}
	t.Cleanup(func() {
		if n := sent.Load(); n > slowtest.MaxSent {
			t.Errorf("a receiver could send %d bytes, want at most what sockets have room for", n)
		}
	})
}

// Receivers that never answer do not delay others, however many messages wait for them:
// a receiver that works has all of its messages before an attempt to them ends.
func TestSlowReceiversDelayNoOther(t *testing.T) {
	t.Parallel()
	const hanging, messages = 15, 40
	silent := slowtest.Listen(t, slowtest.Silence)
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request) {})
	client := delivery.NewClient(local(), time.Minute, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var delivered atomic.Int64
	all := make(chan struct{})
	d := &delivery.Deliverer{Store: addresses{hanging, "http://" + silent, url}, Send: client.Send, Now: time.Now}
	q := delivery.NewMemoryQueue(ctx, d, func(m webhook.Message, r delivery.Result) {
		if m.EndpointID <= hanging {
			t.Errorf("an attempt to endpoint %d ended with %+v before all else was delivered", m.EndpointID, r)
		} else if r.Outcome == delivery.Delivered && delivered.Add(1) == messages {
			close(all)
		}
	}, func(count int) { t.Errorf("%d messages dropped", count) })
	for i := range messages {
		var batch []webhook.Message
		for id := range int64(hanging + 1) {
			e := newEvent(t)
			e.ID = fmt.Sprint(e.ID, i)
			batch = append(batch, webhook.Message{UserID: 1, EndpointID: id + 1, Event: e})
		}
		if err := q.Enqueue(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-all:
	case <-time.After(time.Minute):
		t.Errorf("%d of %d messages were delivered", delivered.Load(), messages)
	}
	cancel()
	stopped := time.Now()
	q.Wait()
	if took := time.Since(stopped); took > 10*time.Second {
		t.Errorf("the queue ended %s after its context", took)
	}
}

// addresses is a store whose first endpoints hang.
type addresses struct {
	hanging          int64
	silent, answered string
}

func (a addresses) Endpoint(_ context.Context, userID, id int64) (webhook.Endpoint, error) {
	e := webhook.Endpoint{UserID: userID, ID: id, URL: a.answered, Secret: webhook.NewSecret()}
	if id <= a.hanging {
		e.URL = a.silent
	}
	return e, nil
}

func (addresses) RecordAttempt(_ context.Context, e webhook.Endpoint, _ webhook.Attempt) (webhook.Endpoint, error) {
	return e, nil
}

func (addresses) DisableEndpoint(context.Context, webhook.Endpoint, webhook.Reason, time.Time) error {
	return nil
}
