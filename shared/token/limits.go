package token

import "fmt"

// Limits bound the tokens of one user. The operator sets them; 0 means no
// limit.
type Limits struct {
	MaxTokens        int64 // tokens at a time
	CreatesPerSecond int64 // long-term rate of creates, in tokens
	CreateBurst      int64 // tokens that can be created at once after a pause; at least 1 if CreatesPerSecond is set
	ChangesPerSecond int64 // long-term rate of changes, see User.AdmitChanges
	ChangeBurst      int64 // changes that can be made at once after a pause; at least 1 if ChangesPerSecond is set
}

const maxLimit = 1_000_000_000

// DefaultLimits returns the limits of a user for whom the operator has set
// none.
func DefaultLimits() Limits {
	return Limits{MaxTokens: 1_000, CreatesPerSecond: 10, CreateBurst: 20, ChangesPerSecond: 20, ChangeBurst: 200}
}

// Check returns nil or an *InvalidError.
func (l Limits) Check() error {
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"max tokens", l.MaxTokens},
		{"creates per second", l.CreatesPerSecond},
		{"create burst", l.CreateBurst},
		{"changes per second", l.ChangesPerSecond},
		{"change burst", l.ChangeBurst},
	} {
		if limit.value < 0 || limit.value > maxLimit {
			return invalid(limit.name, fmt.Sprintf("must be an integer between 0 (no limit) and %d", maxLimit))
		}
	}
	if l.CreatesPerSecond > 0 && l.CreateBurst == 0 {
		return invalid("create burst", "must be at least 1, because no token could be created otherwise: to remove the rate limit, set creates per second to 0")
	}
	if l.ChangesPerSecond > 0 && l.ChangeBurst == 0 {
		return invalid("change burst", "must be at least 1, because no token could be changed otherwise: to remove the rate limit, set changes per second to 0")
	}
	return nil
}

// A CreateRateError means that the user creates tokens faster than its limits
// allow. Nothing was created.
type CreateRateError struct{ RetryAfter int64 } // seconds, at least 1

func (e *CreateRateError) Error() string { return "tokens are created too fast" }

// afterCreating returns the user after it has created n tokens at a time in
// Unix microseconds, or ErrKeysStopped, ErrTokenLimit or a *CreateRateError.
//
// A request for more tokens than a burst is allowed once the whole burst is
// available; the following creates wait for the excess.
func (u User) afterCreating(n, now int64) (User, error) {
	if err := u.admitTokens(n); err != nil {
		return u, err
	}
	if u.Limits.CreatesPerSecond == 0 {
		return u, nil
	}
	p := newPace(u.Limits.CreatesPerSecond, u.Limits.CreateBurst)
	// If another process's clock was ahead, the stored time can be far ahead
	// too. Don't make the user wait longer than the largest request would.
	start := max(min(u.RateTAT, now+p.burst+MaxBatch*p.each), now)
	if wait := p.wait(start, n, now); wait > 0 {
		return u, &CreateRateError{RetryAfter: roundUp(wait)}
	}
	u.RateTAT = start + n*p.each
	return u, nil
}

// admitTokens returns an error if the user may not have n more tokens.
func (u User) admitTokens(n int64) error {
	switch {
	case u.KeysStopped():
		return ErrKeysStopped
	case u.Limits.MaxTokens > 0 && u.TokenCount()+n > u.Limits.MaxTokens:
		return ErrTokenLimit
	default:
		return nil
	}
}
