package token

import (
	"errors"
	"fmt"
)

// What an operation can answer besides success. Compare with errors.Is; an
// *InvalidError with errors.As. Everything else is internal.
var (
	// ErrUnauthorized: the access token is none of the user's valid ones.
	ErrUnauthorized = errors.New("access token is not valid")
	// ErrUserDisabled: the access token is right, its user is switched off.
	ErrUserDisabled = errors.New("user is disabled")
	// ErrForbidden: the access token is right, its user's role is too low.
	ErrForbidden = errors.New("user may not manage tokens")
	// ErrNotFound: the caller has no such token; somebody else may.
	ErrNotFound = errors.New("token not found")
	// ErrVersionMismatch: the token is not, or no more, as the caller takes it
	// to be.
	ErrVersionMismatch = errors.New("token has another version")
	// ErrQuotaBelowZero: taking away more quota than is free.
	ErrQuotaBelowZero = errors.New("quota would be below zero")
	// ErrExpired: enabling a token by status alone that is past its expiry.
	ErrExpired = errors.New("token is expired")
	// ErrExhausted: enabling a token by status alone that has no quota left.
	ErrExhausted = errors.New("token is exhausted")
	// ErrTokenLimit: the user has, or would have, more tokens than its limit.
	ErrTokenLimit = errors.New("user has too many tokens")
	// ErrOtherRequest: the idempotency key was used for another request, or
	// with another access token.
	ErrIdempotencyMismatch = errors.New("idempotency key was used for another request")
	// ErrNotKept: no answer is kept for the request.
	ErrNoSavedResponse = errors.New("no answer is kept")
	// ErrContention: the same user's rows changed too often meanwhile.
	// Nothing was done.
	ErrContention = errors.New("too many concurrent changes")
	// ErrUnavailable: the store is throttled or out of reach. Nothing was
	// changed, unless it is ErrUncertain.
	ErrUnavailable = errors.New("store is unavailable")
	// ErrUncertain: the store became unavailable, so that nobody knows
	// whether the write was applied. It is an ErrUnavailable, too.
	ErrUncertain = fmt.Errorf("%w: the outcome is unknown", ErrUnavailable)
	// ErrRepeatable: an ErrUncertain of an operation that has a request id.
	// Sent again, it happens once.
	ErrRepeatable = fmt.Errorf("%w, and repeating it is safe", ErrUncertain)

	// ErrUserNotFound: no user has that name.
	ErrUserNotFound = errors.New("user not found")
	// ErrUserExists: the name is taken.
	ErrUserExists = errors.New("user exists")
	// ErrSlotsFull: all access-token slots of a user hold a valid token.
	ErrSlotsFull = errors.New("all access-token slots are in use")
)

// An InvalidError is input that breaks a rule. Reason completes the sentence
// that Field begins: "name" "must have 1 to 50 characters".
type InvalidError struct {
	Field  string
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

func invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }
