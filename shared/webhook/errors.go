package webhook

import "errors"

// Errors of this package's operations beside *token.InvalidError and those of
// token.Authorizer.
var (
	// ErrNotFound means that the user has no endpoint with this id.
	ErrNotFound = errors.New("webhook not found")
	// ErrLimit means that the user has MaxEndpoints endpoints.
	ErrLimit = errors.New("user has too many webhooks")
)
