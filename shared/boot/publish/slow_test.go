package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/internal/slowtest"
	"github.com/latchkey-api/latchkey/shared/boot/publish"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// urls is a store whose endpoint n has the nth URL, from 1.
type urls []string

func (u urls) Endpoint(_ context.Context, userID, id int64) (webhook.Endpoint, error) {
	return webhook.Endpoint{UserID: userID, ID: id, URL: u[id-1], Secret: webhook.NewSecret()}, nil
}

func (urls) RecordAttempt(ctx context.Context, e webhook.Endpoint, a webhook.Attempt) (webhook.Endpoint, error) {
	return store{}.RecordAttempt(ctx, e, a)
}

func (urls) DisableEndpoint(context.Context, webhook.Endpoint, webhook.Reason, time.Time) error {
	return nil
}

// Receivers that never answer, hang in the TLS handshake or trickle neither keep the
// others of their batch from their events, nor the function from its end: it takes as
// long as one attempt. Their messages are added to the queue again, their connections
// are closed, and a body without an end is not read.
func TestDeliverToSlowReceivers(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	var answered, sent atomic.Int64
	good := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answered.Add(1)
	}))
	t.Cleanup(good.Close)
	silent := slowtest.Listen(t, slowtest.Silence)
	receivers := urls{
		good.URL, "http://" + silent, "https://" + silent, "http://" + slowtest.Listen(t, slowtest.TrickleHead),
		"http://" + slowtest.Listen(t, func(c net.Conn) { sent.Add(slowtest.Flood(c)) }),
	}
	slow := []string{"silent", "silent2", "tls", "tls2", "trickles", "trickles2"}
	messages := []events.SQSMessage{received(t, "endless", 1, 5, 1, time.Now())}
	for i, id := range slow {
		messages = append(messages, received(t, id, 1, int64(2+i/2), 1, time.Now()), received(t, "good"+id, 1, 1, 1, time.Now()))
	}
	payload, err := json.Marshal(events.SQSEvent{Records: messages})
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue()
	var log bytes.Buffer
	client := delivery.NewClient(webhook.Rules{Loopback: true}, timeout, time.Now)
	handler := publish.Deliver(&delivery.Deliverer{Store: receivers, Send: client.Send, Now: time.Now}, &publish.Queue{Client: q}, slog.New(slog.NewJSONHandler(&log, nil)))
	const limit = 5 * timeout // six attempts, one after the other, take longer
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	started := time.Now()
	answer, err := handler.Invoke(ctx, payload)
	took := time.Since(started)
	if err != nil || string(answer) != `{"batchItemFailures":[]}` || took < timeout || ctx.Err() != nil {
		t.Errorf("got %s, %v after %s, want an answer after %s that leaves no message in the queue", answer, err, took, timeout)
	}
	if answered.Load() != 6 || !strings.Contains(log.String(), `"messages":13,"delivered":7,"retried":6,`) {
		t.Errorf("%d events arrived, want 6; the log:\n%s", answered.Load(), &log)
	}
	for _, id := range slow {
		again, delay := q.added["evt_"+id], q.delays["evt_"+id]
		if again.Retry == nil || again.Retry.Attempt != 2 || delay < 4*time.Second || !strings.Contains(log.String(), `"event_id":"evt_`+id+`","event":"token.created","attempt":1,"outcome":"retry","failure":"timeout"`) {
			t.Errorf("%s: got %+v after %s, want a second attempt; the log:\n%s", id, again, delay, &log)
		}
	}
	if len(q.added) != len(slow) {
		t.Errorf("got %v added, want those of slow receivers", q.added)
	}
	t.Cleanup(func() {
		if n := sent.Load(); n > slowtest.MaxSent {
			t.Errorf("a receiver could send %d bytes, want at most what sockets have room for", n)
		}
	})
}
