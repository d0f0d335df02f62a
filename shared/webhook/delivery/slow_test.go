package delivery_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// listen accepts connections until the end of the test, and lets handle have each of
// them.
func listen(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at the end of the test
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		ended := make(chan struct{})
		go func() { open.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second): // longer than a resolver of names keeps a connection
			t.Error("a connection stays open after its attempt")
		}
	})
	open.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close() //nolint:errcheck // the other side has closed it
				handle(c)
			})
		}
	})
	return listener.Addr().String()
}

// silence reads until the other side closes the connection, and never answers.
func silence(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// readRequest reads a request.
func readRequest(c net.Conn) {
	if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// trickle writes a text byte by byte, over and over, until the other side closes the
// connection.
func trickle(c net.Conn, text string) {
	for i := 0; ; i = (i + 1) % len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A receiver that does not answer in time fails the attempt, which ends by itself,
// names the cause, and is followed by another. Only the head of an answer counts: a body
// without an end takes neither time nor memory.
func TestSlowReceivers(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	var sent atomic.Int64
	silent := listen(t, silence)
	dead := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", silent)
	}}
	for name, tt := range map[string]struct {
		url     string
		failure webhook.Failure
	}{
		"never_answers":     {"http://" + silent, webhook.FailTimeout},
		"hangs_in_tls":      {"https://" + silent, webhook.FailTimeout},
		"hangs_in_dns":      {"https://slow.example", webhook.FailTimeout},
		"head_trickles":     {"http://" + listen(t, func(c net.Conn) { readRequest(c); trickle(c, "HTTP/1.1 200 OK\r\nA: b") }), webhook.FailTimeout},
		"request_trickles":  {"http://" + listen(t, func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 10); time.Sleep(2 * timeout) }), webhook.FailTimeout},
		"body_trickles":     {"http://" + listen(t, func(c net.Conn) { readRequest(c); _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); trickle(c, "a") }), ""},
		"body_has_no_end":   {"http://" + listen(t, func(c net.Conn) { readRequest(c); sent.Add(flood(c)) }), ""},
		"continues_forever": {"http://" + listen(t, func(c net.Conn) { readRequest(c); trickle(c, "HTTP/1.1 102 Processing\r\n\r\n") }), webhook.FailTimeout},
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
		if n := sent.Load(); n > maxSent {
			t.Errorf("a receiver could send %d bytes, want at most what sockets have room for", n)
		}
	})
}

// maxSent is more than the buffers of both ends of a connection have.
const maxSent = 64 << 20

// flood answers with a body that has no end, and returns how much of it could be sent.
func flood(c net.Conn) (sent int64) {
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	for block := make([]byte, 64<<10); sent <= maxSent; {
		n, err := c.Write(block)
		sent += int64(n)
		if err != nil {
			break
		}
	}
	return sent
}

// Receivers that never answer do not delay others, however many messages wait for them:
// a receiver that works has all of its messages before an attempt to them ends.
func TestSlowReceiversDelayNoOther(t *testing.T) {
	t.Parallel()
	const hanging, messages = 15, 40
	silent := listen(t, silence)
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
