package token

import "fmt"

// Limits bound what one user makes. The operator sets them; 0 switches a
// limit off.
type Limits struct {
	MaxTokens        int64 // tokens that exist at a time
	CreatesPerSecond int64 // tokens made, in the long run
	CreateBurst      int64 // tokens that may be made at once after a pause; at least 1
}

// maxLimit bounds each of them: above it, off is what is meant.
const maxLimit = 1_000_000_000

// DefaultLimits are those of a user for whom the operator has set none.
func DefaultLimits() Limits { return Limits{MaxTokens: 1_000, CreatesPerSecond: 10, CreateBurst: 20} }

// Check is nil or an *InvalidError.
func (l Limits) Check() error {
	for _, limit := range []struct {
		name  string
		value int64
	}{{"max tokens", l.MaxTokens}, {"creates per second", l.CreatesPerSecond}, {"create burst", l.CreateBurst}} {
		if limit.value < 0 || limit.value > maxLimit {
			return invalid(limit.name, fmt.Sprintf("must be an integer between 0, which switches the limit off, and %d", maxLimit))
		}
	}
	if l.CreatesPerSecond > 0 && l.CreateBurst == 0 {
		return invalid("create burst", "must be at least 1, for no token could be made: to switch the rate off, set creates per second to 0")
	}
	return nil
}

// A RateError is a create that comes too soon. Nothing was done.
type CreateRateError struct{ RetryAfter int64 } // seconds, at least 1

func (e *CreateRateError) Error() string { return "tokens are created too fast" }

const second = 1_000_000 // microseconds

// take is the user once it has made n more tokens at a time in Unix
// microseconds, or ErrTokenLimit or a *RateError.
//
// Paced is the "theoretical arrival time" of the generic cell rate algorithm
// (ITU-T I.371): the time at which all tokens so far would have been made at
// the rate, one after the other. It may be ahead by a burst. More tokens than
// a burst in one request need a rested user, and are paid off afterwards.
func (u User) afterCreating(n, now int64) (User, error) {
	if u.Limits.MaxTokens > 0 && u.TokenCount()+n > u.Limits.MaxTokens {
		return u, ErrTokenLimit
	}
	if u.Limits.CreatesPerSecond == 0 {
		return u, nil
	}
	each := second / u.Limits.CreatesPerSecond
	burst := u.Limits.CreateBurst * each
	// A process whose clock is ahead must not lock the user out for longer
	// than the dearest request could.
	paced := min(u.RateTAT, now+burst+MaxBatch*each)
	start := max(paced, now)
	if wait := start + min(n*each, burst) - burst - now; wait > 0 {
		return u, &CreateRateError{RetryAfter: (wait + second - 1) / second}
	}
	u.RateTAT = start + n*each
	return u, nil
}
