package publish_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-api/latchkey/shared/boot/publish"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A receiver that is down for a day gets all attempts of an event at their times, while
// the message is in flight only as long as it is handled.
func TestRetriesOfADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, start := newQueue(), time.Now()
		e, err := event.New(1, "evt_down", event.TokenCreated, start, map[string]int{"token_id": 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := (&publish.Queue{Client: q}).Enqueue(t.Context(), []webhook.Message{{UserID: 1, EndpointID: 2, Event: e}}); err != nil {
			t.Fatal(err)
		}
		var attempts []time.Time
		receives := 0
		for len(q.added) > 0 {
			delay := q.delays[e.ID]
			sent := time.Now()
			time.Sleep(delay) // of the fake clock
			message := messageOf(t, "m", q.added[e.ID], sent)
			q.added = map[string]body{}
			stay, log := deliver(t, q, message)
			if receives++; len(stay) > 0 || delay > 15*time.Minute || receives > 200 {
				t.Fatalf("got %v in the queue after a delay of %s, receive %d", stay, delay, receives)
			}
			if strings.Contains(log, `"msg":"attempt"`) {
				attempts = append(attempts, time.Now())
				checkNumber(t, log, len(attempts))
			}
		}
		if len(attempts) != webhook.MaxAttempts {
			t.Fatalf("got %d attempts, want %d", len(attempts), webhook.MaxAttempts)
		}
		for i, pause := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 4 * time.Hour} {
			if got := attempts[i+1].Sub(attempts[i]); got < pause || got > pause+pause/10+time.Second {
				t.Errorf("got %s after attempt %d, want %s and up to a tenth more", got, i+1, pause)
			}
		}
		if receives < 90 || receives > 100 { // docs/deploy.md and ADR 38 say about 96
			t.Errorf("received %d times, want 90 to 100", receives)
		}
		t.Logf("received %d times in %s", receives, time.Since(start))
	})
}

// checkNumber checks the number of the attempt in a log.
func checkNumber(t *testing.T, log string, want int) {
	t.Helper()
	first, _, _ := strings.Cut(log, "\n")
	var line struct{ Attempt int }
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.Attempt != want {
		t.Errorf("got %v and the line %s, want attempt %d", err, first, want)
	}
}
