package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A problem is how an error is reported: status, code, and a message that says
// what is wrong and what to do.
type problem struct {
	status  int
	code    wire.Code
	message string

	// Headers, sent unless empty.
	allow      string // Allow
	challenge  string // WWW-Authenticate
	retryAfter string // Retry-After, in seconds
}

// The errors of this package. The domain errors are in packages token and
// quota.
var (
	errNoAccessToken     = errors.New("no access token")
	errKeyNotAccessToken = errors.New("an sk- key instead of an access token")
	errNoKey             = errors.New("no key")
	errKeyDisabled       = errors.New("key is disabled")
	errKeyStopped        = errors.New("the operator has stopped the keys of the user")
	errRouteNotFound     = errors.New("route not found")
	errMediaType         = errors.New("media type is not JSON")
	errSlowBody          = errors.New("the body came too slowly")
)

// An inputError is a request that can't be read; message is for the caller.
type inputError struct {
	code    wire.Code
	message string
}

func (e *inputError) Error() string { return e.message }

// A sizeError is a body above a limit, in bytes.
type sizeError struct{ limit int64 }

func (e *sizeError) Error() string { return "body is too large" }

// A methodError means that the path exists, but not with the request's method.
// allow lists the methods that it has.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "method not allowed" }

const (
	challenge         = "Bearer"
	retryAfterSeconds = "1"
)

// problems has the problem of each error without details. The first match
// counts, so an error comes before the errors that it wraps.
var problems = []struct {
	err error
	problem
}{
	{errNoAccessToken, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "No access token. Send the header Authorization: Bearer, followed by your access token."}},
	{errKeyNotAccessToken, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "This is an sk- key, which can't manage tokens. Send an access token, which begins with at-."}},
	{token.ErrUnauthorized, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "The access token is not valid. Check that it is complete, or ask the operator for a new one."}},
	{errNoKey, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "No key. Send the header Authorization: Bearer, followed by the sk- key."}},
	{quota.ErrKeyUnknown, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "The key is not valid. Check that it is complete; it may have been deleted."}},
	{errKeyDisabled, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "The key is disabled. Ask its owner to enable it."}},
	{errKeyStopped, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: keysStopped}},
	{token.ErrUserDisabled, problem{status: http.StatusForbidden, code: wire.ErrUserDisabled, message: "This user is disabled. Ask the operator to enable it."}},
	{token.ErrForbidden, problem{status: http.StatusForbidden, code: wire.ErrForbidden, message: "This user may not manage tokens. Ask the operator for the role \"user\"."}},
	{token.ErrKeysStopped, problem{status: http.StatusForbidden, code: wire.ErrKeysStopped, message: "The operator has stopped the keys of this user, so no token can be created or enabled; nothing was changed. Ask the operator to let them work again."}},
	{token.ErrNotFound, problem{status: http.StatusNotFound, code: wire.ErrTokenNotFound, message: "Token not found. Check the ID, or list your tokens."}},
	{token.ErrKeyNotAvailable, problem{status: http.StatusGone, code: wire.ErrKeyNotAvailable, message: "Keys are shown for ten minutes after they are created; rotate the token to get a new one."}},
	{token.ErrKeyOfOther, problem{status: http.StatusGone, code: wire.ErrKeyNotAvailable, message: "Keys are shown for ten minutes to the access token that created them, and this is another one; rotate the token to get a new key."}},
	{token.ErrNoBudget, problem{status: http.StatusNotFound, code: wire.ErrBudgetNotFound, message: "You have no budget: only your tokens' own limits apply. To get one, ask the operator."}},
	{webhook.ErrNotFound, problem{status: http.StatusNotFound, code: wire.ErrWebhookNotFound, message: "Webhook not found. Check the ID, or list your webhooks."}},
	{webhook.ErrLimit, problem{status: http.StatusConflict, code: wire.ErrWebhookLimit, message: fmt.Sprintf("You have %d webhooks, the most allowed; none was created. Delete one, or change one.", webhook.MaxEndpoints)}},
	{errRouteNotFound, problem{status: http.StatusNotFound, code: wire.ErrRouteNotFound, message: "Path not found. Tokens are at /api/token/ and /api/token/{id}."}},
	{errMediaType, problem{status: http.StatusUnsupportedMediaType, code: wire.ErrUnsupportedMedia, message: "The body is not declared as JSON. Send Content-Type: application/json."}},
	{errSlowBody, problem{status: http.StatusRequestTimeout, code: wire.ErrRequestTimeout, message: "The body did not come in time, so nothing was done. Check your connection and send the request again."}},
	{token.ErrVersionMismatch, problem{status: http.StatusPreconditionFailed, code: wire.ErrVersionMismatch, message: "The token was changed in the meantime; this request changed nothing. Read the token again, then send its new ETag; for a rotation, a new Idempotency-Key."}},
	{token.ErrQuotaBelowZero, problem{status: http.StatusConflict, code: wire.ErrTokenExhausted, message: "The token has less quota left than quota_delta subtracts; nothing was changed. Read remain_quota and send a smaller change, or set remain_quota."}},
	{token.ErrKeyLeaked, problem{status: http.StatusConflict, code: wire.ErrKeyLeaked, message: "The key of this token was revoked because it had leaked, so the token can't be enabled. Rotate the token to give it a new key."}},
	{token.ErrExpired, problem{status: http.StatusConflict, code: wire.ErrTokenExpired, message: "The token is expired; it can't be enabled. Set expired_time to a later time, or to -1."}},
	{token.ErrExhausted, problem{status: http.StatusConflict, code: wire.ErrTokenExhausted, message: "The token has no quota left; it can't be enabled. Raise remain_quota, or set unlimited_quota."}},
	{token.ErrTokenLimit, problem{status: http.StatusConflict, code: wire.ErrTokenLimit, message: "Token limit reached; no token was created. Delete unused tokens or ask the operator to raise the limit."}},
	{token.ErrIdempotencyMismatch, problem{status: http.StatusUnprocessableEntity, code: wire.ErrIdempotencyMismatch, message: "This Idempotency-Key was used in the last 24 hours for another request or with another access token; nothing was done. Send the original request, or a new Idempotency-Key."}},
	{quota.ErrRequestReused, problem{status: http.StatusConflict, code: wire.ErrRequestReused, message: "This request_id was used for another amount or another operation. Send the original request, or a new request_id."}},
	{quota.ErrHoldNotFound, problem{status: http.StatusNotFound, code: wire.ErrHoldNotFound, message: "This key has no hold with this request_id: it was never reserved, or it ended some time ago. Reserve with a new request_id."}},
	{quota.ErrHoldCharged, problem{status: http.StatusConflict, code: wire.ErrHoldExpired, message: "The hold has expired and its quota was charged, because the token's key was replaced meanwhile. To charge what exceeds it, use verify; to reserve again, send a new request_id."}},
	{quota.ErrHoldExpired, problem{status: http.StatusConflict, code: wire.ErrHoldExpired, message: "The hold has expired and its quota is free again. To charge, use verify; to reserve again, send a new request_id and, if needed, a longer ttl_seconds."}},
	{quota.ErrHoldSettled, problem{status: http.StatusConflict, code: wire.ErrHoldSettled, message: "The hold is already settled. To release it, nothing is left to do; to reserve again, send a new request_id."}},
	{quota.ErrHoldReleased, problem{status: http.StatusConflict, code: wire.ErrHoldReleased, message: "The hold was released. To charge, use verify; to reserve again, send a new request_id."}},
	{price.ErrNotPriced, problem{status: http.StatusConflict, code: wire.ErrModelNotPriced, message: "The price table has no price for this model, or none for a part of the usage; nothing was done. Ask the operator to add the price, or use another model."}},
	{quota.ErrTooManyOpen, problem{status: http.StatusTooManyRequests, code: wire.ErrTooManyOpen, retryAfter: retryAfterSeconds, message: fmt.Sprintf("This key has %d open holds, the most allowed; nothing was held. Settle or release some, or try again in a second.", quota.MaxOpenHolds)}},
	{token.ErrContention, problem{status: http.StatusTooManyRequests, code: wire.ErrRateLimited, retryAfter: retryAfterSeconds, message: "Too many changes at the same time; nothing was done. Try again in a second."}},
	{token.ErrRepeatable, problem{status: http.StatusServiceUnavailable, code: wire.ErrUnavailable, retryAfter: retryAfterSeconds, message: "The database did not respond in time. Send the same request again in a second; it is applied at most once."}},
	{token.ErrUncertain, problem{status: http.StatusServiceUnavailable, code: wire.ErrUnavailable, retryAfter: retryAfterSeconds, message: "The database did not respond in time; the change may or may not have been made. Read the token or its usage before you try again."}},
	{token.ErrUnavailable, problem{status: http.StatusServiceUnavailable, code: wire.ErrUnavailable, retryAfter: retryAfterSeconds, message: "The database is busy or can't be reached; nothing was changed. Try again in a second."}},
}

// problemOf returns the problem that an error is reported as. An unknown error
// is internal: its text goes to the log only.
func problemOf(err error) problem {
	var (
		invalid *token.InvalidError
		policy  *token.PolicyError
		input   *inputError
		method  *methodError
		size    *sizeError
		rate    *token.CreateRateError
		changes *token.ChangeRateError
	)
	switch {
	case errors.As(err, &invalid):
		return problem{status: http.StatusBadRequest, code: wire.ErrInvalidParameter, message: invalid.Error() + "."}
	case errors.As(err, &policy):
		return problem{status: http.StatusForbidden, code: wire.ErrPolicyViolation, message: policy.Error() + "."}
	case errors.As(err, &input):
		return problem{status: http.StatusBadRequest, code: input.code, message: input.message}
	case errors.As(err, &size):
		return problem{status: http.StatusRequestEntityTooLarge, code: wire.ErrBodyTooLarge, message: fmt.Sprintf("The body is larger than %d KiB. Send a smaller one.", size.limit>>10)}
	case errors.As(err, &rate):
		return problem{status: http.StatusTooManyRequests, code: wire.ErrRateLimited, retryAfter: strconv.FormatInt(rate.RetryAfter, 10), message: "Create rate limit reached; no token was created. Try again after the number of seconds in Retry-After, or ask the operator to raise the limit."}
	case errors.As(err, &changes):
		return problem{status: http.StatusTooManyRequests, code: wire.ErrRateLimited, retryAfter: strconv.FormatInt(changes.RetryAfter, 10), message: "Rate limit of changes and searches reached; nothing was done. Try again after the number of seconds in Retry-After, or ask the operator to raise the limit."}
	case errors.As(err, &method):
		return problem{status: http.StatusMethodNotAllowed, code: wire.ErrMethodNotAllowed, allow: method.allow, message: "Method not allowed for this path. Use one of " + method.allow + "."}
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			return p.problem
		}
	}
	return problem{status: http.StatusInternalServerError, code: wire.ErrInternal, message: "Internal error. Try again; if it keeps failing, give the operator this request ID."}
}
