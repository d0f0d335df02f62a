package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A problem is how an error is told: status, code, and one sentence that
// says what is wrong and what to do.
type problem struct {
	status     int
	code       wire.Code
	message    string
	allow      string // headers, where not empty
	challenge  string
	retryAfter string // seconds
}

// The errors of this package. Those of the domain are token's.
var (
	errNoAccessToken     = errors.New("no access token")
	errKeyNotAccessToken = errors.New("an sk- key instead of an access token")
	errNoKey             = errors.New("no key")
	errKeyDisabled       = errors.New("key is disabled")
	errRouteNotFound     = errors.New("route not found")
	errMediaType         = errors.New("media type is not JSON")
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

// A methodError is a method that the path does not have.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "method not allowed" }

const (
	challenge         = "Bearer"
	retryAfterSeconds = "1"
)

// problems is the whole table, in the order in which it is searched.
var problems = []struct {
	err error
	problem
}{
	{errNoAccessToken, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "There is no access token: send yours in the header Authorization, after the word Bearer."}},
	{errKeyNotAccessToken, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "This is an sk- key, which calls models: manage tokens with an access token, which begins with at-."}},
	{token.ErrUnauthorized, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "The access token is not valid: check that it is complete, or ask the operator for a new one."}},
	{errNoKey, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "There is no key: send the sk- key in the header Authorization, after the word Bearer."}},
	{quota.ErrKeyUnknown, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "The key is not valid: check that it is complete; it may have been deleted."}},
	{errKeyDisabled, problem{status: http.StatusUnauthorized, code: wire.ErrUnauthorized, challenge: challenge, message: "The key is disabled: ask whoever gave it to you to enable it."}},
	{token.ErrUserDisabled, problem{status: http.StatusForbidden, code: wire.ErrUserDisabled, message: "This user is disabled: ask the operator to enable it."}},
	{token.ErrForbidden, problem{status: http.StatusForbidden, code: wire.ErrForbidden, message: "This user may not manage tokens: ask the operator for the role user."}},
	{token.ErrNotFound, problem{status: http.StatusNotFound, code: wire.ErrTokenNotFound, message: "There is no such token among yours: check the id, or list your tokens."}},
	{errRouteNotFound, problem{status: http.StatusNotFound, code: wire.ErrRouteNotFound, message: "There is nothing at this path: tokens are at /api/token/ and /api/token/{id}."}},
	{errMediaType, problem{status: http.StatusUnsupportedMediaType, code: wire.ErrUnsupportedMedia, message: "The body's type is not JSON: send Content-Type: application/json."}},
	{token.ErrVersionMismatch, problem{status: http.StatusPreconditionFailed, code: wire.ErrVersionMismatch, message: "The token has been changed since you read it, and this request changed nothing: read it again, and send its new ETag, or a new Idempotency-Key."}},
	{token.ErrQuotaBelowZero, problem{status: http.StatusConflict, code: wire.ErrTokenExhausted, message: "The token has less quota left than quota_delta takes away, and nothing was changed: read its remain_quota, or set it."}},
	{token.ErrExpired, problem{status: http.StatusConflict, code: wire.ErrTokenExpired, message: "The token is expired and stays unusable: set expired_time to a later second, or to -1."}},
	{token.ErrExhausted, problem{status: http.StatusConflict, code: wire.ErrTokenExhausted, message: "The token has no quota left and stays unusable: raise remain_quota, or set unlimited_quota."}},
	{token.ErrTokenLimit, problem{status: http.StatusConflict, code: wire.ErrTokenLimit, message: "You would have more tokens than you may, and none was made: delete some that you don't need, or ask the operator for a higher limit."}},
	{token.ErrIdempotencyMismatch, problem{status: http.StatusUnprocessableEntity, code: wire.ErrIdempotencyMismatch, message: "This Idempotency-Key was used within 24 hours for another request or with another access token, and nothing was done: send the first request as it was, or a new key."}},
	{quota.ErrRequestReused, problem{status: http.StatusConflict, code: wire.ErrRequestReused, message: "This request_id was used for another amount or another purpose: send the amount of the first time, or a new request_id."}},
	{quota.ErrHoldNotFound, problem{status: http.StatusNotFound, code: wire.ErrHoldNotFound, message: "No hold of this key has this request_id: reserve first; a hold is forgotten some time after its end."}},
	{quota.ErrHoldExpired, problem{status: http.StatusConflict, code: wire.ErrHoldExpired, message: "The hold has reached its expires_at, and its quota is free again: charge with verify, and reserve with a longer ttl_seconds next time."}},
	{quota.ErrHoldSettled, problem{status: http.StatusConflict, code: wire.ErrHoldSettled, message: "The hold was settled: there is nothing left to release."}},
	{quota.ErrHoldReleased, problem{status: http.StatusConflict, code: wire.ErrHoldReleased, message: "The hold was released: charge with verify, or reserve with a new request_id."}},
	{quota.ErrTooManyOpen, problem{status: http.StatusTooManyRequests, code: wire.ErrTooManyOpen, retryAfter: retryAfterSeconds, message: fmt.Sprintf("This key has %d open holds, and nothing was held: settle or release some, or try again after the seconds in Retry-After.", quota.MaxOpenHolds)}},
	{token.ErrContention, problem{status: http.StatusTooManyRequests, code: wire.ErrRateLimited, retryAfter: retryAfterSeconds, message: "Too many changes at the same time, nothing was done: try again after the seconds in Retry-After."}},
	{token.ErrRepeatable, problem{status: http.StatusServiceUnavailable, code: wire.ErrUnavailable, retryAfter: retryAfterSeconds, message: "The database did not answer in time: send the same request again after the seconds in Retry-After, it counts once."}},
	{token.ErrUncertain, problem{status: http.StatusServiceUnavailable, code: wire.ErrUnavailable, retryAfter: retryAfterSeconds, message: "The database did not answer in time, so the change may or may not have been made: look at the token or its usage before you try again."}},
	{token.ErrUnavailable, problem{status: http.StatusServiceUnavailable, code: wire.ErrUnavailable, retryAfter: retryAfterSeconds, message: "The database is busy or out of reach, and nothing was changed: try again after the seconds in Retry-After."}},
}

// explain finds how an error is told. One that nobody foresaw is internal:
// its text is for the log only.
func problemOf(err error) problem {
	var (
		invalid *token.InvalidError
		input   *inputError
		method  *methodError
		size    *sizeError
		rate    *token.CreateRateError
	)
	switch {
	case errors.As(err, &invalid):
		return problem{status: http.StatusBadRequest, code: wire.ErrInvalidParameter, message: invalid.Error() + "."}
	case errors.As(err, &input):
		return problem{status: http.StatusBadRequest, code: input.code, message: input.message}
	case errors.As(err, &size):
		return problem{status: http.StatusRequestEntityTooLarge, code: wire.ErrBodyTooLarge, message: fmt.Sprintf("The body is larger than %d KiB: send a smaller one.", size.limit>>10)}
	case errors.As(err, &rate):
		return problem{status: http.StatusTooManyRequests, code: wire.ErrRateLimited, retryAfter: strconv.FormatInt(rate.RetryAfter, 10), message: "You create tokens faster than you may, and none was made: try again after the seconds in Retry-After, or ask the operator for a higher rate."}
	case errors.As(err, &method):
		return problem{status: http.StatusMethodNotAllowed, code: wire.ErrMethodNotAllowed, allow: method.allow, message: "This path does not have this method: use one of " + method.allow + "."}
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			return p.problem
		}
	}
	return problem{status: http.StatusInternalServerError, code: wire.ErrInternal, message: "Something went wrong on our side: try again, and if it stays so, tell the operator the request id."}
}
