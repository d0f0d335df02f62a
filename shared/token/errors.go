package token

import (
	"errors"
	"fmt"
)

// Errors of this package's operations. Test for them with errors.Is, and for
// *InvalidError, *PolicyError, *IndexError, *CreateRateError, *ChangeRateError and
// *AlreadyAnsweredError with errors.As. Any other error is internal.
var (
	// ErrUnauthorized means that the access token is not a valid one of its
	// user.
	ErrUnauthorized = errors.New("access token is not valid")
	// ErrUserDisabled means that the access token is valid, but its user is
	// disabled.
	ErrUserDisabled = errors.New("user is disabled")
	// ErrForbidden means that the access token is valid, but its user's role
	// may not manage tokens.
	ErrForbidden = errors.New("user may not manage tokens")
	// ErrKeysStopped means that the operator has stopped the user's keys, so
	// that no token can be created or enabled.
	ErrKeysStopped = errors.New("the operator has stopped the keys of the user")
	// ErrNotFound means that the caller has no token with this id.
	ErrNotFound = errors.New("token not found")
	// ErrVersionMismatch means that the token does not have a version that
	// the caller requires.
	ErrVersionMismatch = errors.New("token has another version")
	// ErrQuotaBelowZero means that a change would take away more quota than is
	// free.
	ErrQuotaBelowZero = errors.New("quota would be below zero")
	// ErrExpired means that a token can't be enabled because it is expired.
	ErrExpired = errors.New("token is expired")
	// ErrExhausted means that a token can't be enabled because it has no quota
	// left.
	ErrExhausted = errors.New("token is exhausted")
	// ErrKeyLeaked means that a token can't be enabled because its key has leaked.
	ErrKeyLeaked = errors.New("key has leaked")
	// ErrTokenLimit means that the user would have more tokens than
	// Limits.MaxTokens.
	ErrTokenLimit = errors.New("user has too many tokens")
	// ErrIdempotencyMismatch means that the idempotency key was used for
	// another request or with another access token.
	ErrIdempotencyMismatch = errors.New("idempotency key was used for another request")
	// ErrNoSavedResponse means that no response is saved for the request.
	ErrNoSavedResponse = errors.New("no response is saved")
	// ErrContention means that concurrent changes got in the way too often.
	// Nothing was changed.
	ErrContention = errors.New("too many concurrent changes")
	// ErrUnavailable means that the store is overloaded or can't be reached.
	// Nothing was changed, unless the error is ErrUncertain too.
	ErrUnavailable = errors.New("store is unavailable")
	// ErrUncertain means that the store became unavailable during a write,
	// which may or may not have been applied. It wraps ErrUnavailable.
	ErrUncertain = fmt.Errorf("%w: the outcome is unknown", ErrUnavailable)
	// ErrRepeatable means that the outcome is unknown, but that the request
	// can be repeated: it then takes effect once. It wraps ErrUncertain.
	ErrRepeatable = fmt.Errorf("%w, and repeating it is safe", ErrUncertain)

	// ErrNoBudget means that the user has no wallet.
	ErrNoBudget = errors.New("user has no budget")

	// ErrUserNotFound means that no user has this name.
	ErrUserNotFound = errors.New("user not found")
	// ErrUserExists means that the user name is taken.
	ErrUserExists = errors.New("user exists")
	// ErrUserDeleting means that the deletion of the user has begun and was
	// interrupted: it can only be finished.
	ErrUserDeleting = errors.New("user is being deleted")
	// ErrKeyTaken means that another token has the foreign key.
	ErrKeyTaken = errors.New("another token has the key")
	// ErrKeyNotAvailable means that the time in which a key can be read again is
	// over, or that the key was not created here.
	ErrKeyNotAvailable = errors.New("key can't be read any more")
	// ErrKeyOfOther means that a key can be read again only with the access token
	// that created it.
	ErrKeyOfOther = errors.New("key was created with another access token")
	// ErrSlotsFull means that all access-token slots of a user hold a valid
	// access token.
	ErrSlotsFull = errors.New("all access-token slots are in use")
)

// An InvalidError is input that breaks a rule. Field and Reason together make
// a sentence, without its period: "name" and "must have 1 to 50 characters".
// Field is the input's name as the client spells it.
type InvalidError struct {
	Field  string
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

func invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }
