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
	// ErrHoldCharged is ErrHoldExpired for a hold whose units were charged when
	// it expired, see Record.ChargeOnExpiry.
	ErrHoldCharged = fmt.Errorf("%w and was charged", ErrHoldExpired)
	// ErrHoldSettled means that a hold can't be released, or reserved again,
	// because it was settled.
	ErrHoldSettled = errors.New("hold is settled")
	// ErrHoldReleased means that a hold can't be settled, or reserved again,
	// because it was released.
	ErrHoldReleased = errors.New("hold is released")
)

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
