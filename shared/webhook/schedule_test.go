package webhook_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/webhook"
)

// Whatever a receiver answers and however long it takes, an event gets at most
// MaxAttempts attempts within a day, each later than the schedule and Retry-After
// say, up to the longest pause. A receiver that asks for nothing gets them all.
func TestRetrySchedule(t *testing.T) {
	t.Parallel()
	schedule := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 4 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_700_000_000, 0)
		now, asked := start, false
		for number := 1; ; number++ {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(15*time.Second)).Draw(t, "took")))
			retryAfter := time.Duration(0)
			if rapid.IntRange(0, 3).Draw(t, "asks") == 0 {
				retryAfter = time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "retry after"))
				asked = asked || retryAfter > 0
			}
			pause, again := webhook.Pause(number, now.Sub(start), retryAfter, rapid.Float64Range(0, 0.9999).Draw(t, "jitter"))
			if !again {
				if !asked && number != webhook.MaxAttempts {
					t.Fatalf("given up after %d attempts, %s", number, now.Sub(start))
				}
				if now.Sub(start) > webhook.MaxAge+15*time.Second {
					t.Fatalf("given up %s after the first attempt", now.Sub(start))
				}
				return
			}
			if number >= webhook.MaxAttempts {
				t.Fatalf("attempt %d is followed by another", number)
			}
			want := max(schedule[number-1], retryAfter)
			if pause < min(want, webhook.MaxPause) || pause > min(want+want/10, webhook.MaxPause) {
				t.Fatalf("pause after attempt %d: got %s, want %s and up to a tenth more, at most %s", number, pause, want, webhook.MaxPause)
			}
			now = now.Add(pause)
		}
	})
}

// The last attempt is 21 to 24 hours after the first.
func TestScheduleLastsADay(t *testing.T) {
	t.Parallel()
	for _, random := range []float64{0, 0.9999} {
		age, number := time.Duration(0), 1
		for ; ; number++ {
			pause, again := webhook.Pause(number, age, 0, random)
			if !again {
				break
			}
			age += pause
		}
		if number != webhook.MaxAttempts || age < 21*time.Hour || age > 24*time.Hour {
			t.Errorf("got %d attempts in %s, want %d in about a day", number, age, webhook.MaxAttempts)
		}
	}
	if _, again := webhook.Pause(0, 0, 0, 0); again {
		t.Error("attempt 0 is followed by another")
	}
}
