package quota

import (
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Errors of operations, besides RefusedError.
var (
	// ErrKeyUnknown means that no token has this key.
	ErrKeyUnknown = errors.New("key is not known")
	// ErrRequestReused means that the request id was used for another amount
	// or for another kind of operation.
	ErrRequestReused = errors.New("request id was used for something else")
	// ErrTooManyOpen means that the token has MaxOpenHolds open holds.
	ErrTooManyOpen = errors.New("too many open holds")
	// ErrNotLeasable means that a token has windows, model quotas or rates,
	// which a process can't count on its own.
	ErrNotLeasable = errors.New("a token with windows, model quotas or rates can't be leased")
	// ErrHoldNotFound means that no hold has this request id, or that the
	// token no longer remembers it.
	ErrHoldNotFound = errors.New("hold not found")
	// ErrHoldExpired means that the hold expired before it was settled or
	// released. A repeated reservation gets it too.
	ErrHoldExpired = errors.New("hold has expired")
	// ErrHoldCharged is ErrHoldExpired for a hold of which units were charged when
	// it expired. A HoldChargedError says how many.
	ErrHoldCharged = fmt.Errorf("%w and was charged", ErrHoldExpired)
	// ErrHoldSettled means that a hold can't be released, or reserved again,
	// because it was settled.
	ErrHoldSettled = errors.New("hold is settled")
	// ErrHoldReleased means that a hold can't be settled, or reserved again,
	// because it was released.
	ErrHoldReleased = errors.New("hold is released")
)

// A HoldChargedError is ErrHoldCharged with the number of units that were charged, at
// least one. See Record.ExpiryCharge.
type HoldChargedError struct{ Units int64 }

func (e HoldChargedError) Error() string { return fmt.Sprintf("%v %d units", ErrHoldCharged, e.Units) }

// Unwrap returns ErrHoldCharged.
func (e HoldChargedError) Unwrap() error { return ErrHoldCharged }

// ErrorOfExpiry returns the error about a hold that has expired and was charged some
// units then: a HoldChargedError, or ErrHoldExpired if it is 0.
func ErrorOfExpiry(units int64) error {
	if units == 0 {
		return ErrHoldExpired
	}
	return HoldChargedError{units}
}

// Errors of the store. They are the values of package token, so that callers of
// this package need not import it.
var (
	ErrContention  = token.ErrContention
	ErrUnavailable = token.ErrUnavailable
	ErrUncertain   = token.ErrUncertain
	ErrRepeatable  = token.ErrRepeatable
)

// An InvalidError is input that breaks a rule; see token.InvalidError.
type InvalidError = token.InvalidError
