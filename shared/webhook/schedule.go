package webhook

import "time"

// Retries end MaxAge after an event was queued. No pause is longer than MaxPause.
const (
	MaxAge   = 24 * time.Hour
	MaxPause = 11 * time.Hour
)

// schedule is how long to wait after each failed attempt, without jitter. It begins
// as the example of Standard Webhooks, and its last attempt is 22 to 24 hours after
// the first.
func schedule() [7]time.Duration {
	return [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 4 * time.Hour,
	}
}

// MaxAttempts is how often an event is sent to an endpoint that never accepts it and
// asks for no pause.
const MaxAttempts = len([7]time.Duration{}) + 1

// Pause returns how long to wait after an attempt that failed. ok is false if the next
// one would be too late. Attempts count from 1, and age is the time since the event was
// queued. retryAfter is what the receiver asked for, 0 if it did not; a longer pause than
// MaxPause becomes that. random, in [0, 1), is the jitter: up to a tenth more, so that
// events which failed together are not all sent together again.
func Pause(attempt int, age, retryAfter time.Duration, random float64) (pause time.Duration, ok bool) {
	pauses := schedule()
	if attempt < 1 || attempt > len(pauses) {
		return 0, false
	}
	base := max(pauses[attempt-1], retryAfter)
	pause = min(base+time.Duration(float64(base)*random/10), MaxPause)
	return pause, age+pause <= MaxAge
}
