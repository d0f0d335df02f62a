package gateway

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// Errors of the middleware, besides those of packages quota and price.
var (
	errNoKey       = errors.New("no key")
	errTwoKeys     = errors.New("two different keys")
	errPath        = errors.New("path is not served")
	errOrigin      = errors.New("origin is not allowed")
	errNoModel     = errors.New("no model")
	errModelNotOne = errors.New("model is not one string")
	errMediaType   = errors.New("media type is neither JSON nor a form")
	errKeyBusy     = errors.New("key has too many request bodies in memory")
	errServerBusy  = errors.New("too many request bodies in memory")
)

// A refusal is the gate's refusal with its numbers.
type refusal struct {
	quota.RefusedError
	verdict     quota.Verdict
	wantedUnits int64 // 0 if nothing was to be held
}

func (r *refusal) Unwrap() error { return r.RefusedError }

// A bodyError is an invalid body. Its text is the message for the caller.
type bodyError string

func (e bodyError) Error() string { return string(e) }

// A queryError is an invalid query. Its text is the message for the caller.
type queryError string

func (e queryError) Error() string { return string(e) }

type bodyTooLargeError struct{ maxBytes int64 }

func (e *bodyTooLargeError) Error() string { return "body is too large" }

// The error types of OpenAI's API.
const (
	invalidRequest    = "invalid_request_error"
	permissionError   = "permission_error"
	insufficientQuota = "insufficient_quota"
	rateLimit         = "rate_limit_error"
	serverError       = "server_error"
)

// errorResponse returns the response to an error of a request with a key. The
// text of an error that is not in the table goes only to the log.
func errorResponse(err error, key string) ErrorResponse {
	var (
		refused  *refusal
		tooLarge *bodyTooLargeError
		body     bodyError
		query    queryError
	)
	switch {
	case errors.As(err, &refused) && refused.Refusal == quota.RefusedExhausted:
		return exhaustedResponse(refused)
	case errors.As(err, &refused) && refused.Scope == quota.ScopeUser:
		return ErrorResponse{
			Status: http.StatusUnauthorized, Type: invalidRequest, Code: "key_disabled",
			Message: "The operator has stopped this API key and all others of its issuer. Ask the issuer of the key to contact the operator.",
		}
	case errors.As(err, &refused) && refused.Refusal == quota.RefusedRate:
		return rateResponse(refused.Reason)
	case errors.As(err, &tooLarge):
		return ErrorResponse{
			Status: http.StatusRequestEntityTooLarge, Type: invalidRequest, Code: "body_too_large",
			Message: fmt.Sprintf("The body is larger than %d bytes. Send a smaller one.", tooLarge.maxBytes),
		}
	case errors.As(err, &body):
		return ErrorResponse{Status: http.StatusBadRequest, Type: invalidRequest, Code: "invalid_body", Message: body.Error()}
	case errors.As(err, &query):
		return ErrorResponse{Status: http.StatusBadRequest, Type: invalidRequest, Code: "invalid_query", Message: query.Error()}
	}
	for _, row := range errorTable(key) {
		if errors.Is(err, row.err) {
			return row.ErrorResponse
		}
	}
	return ErrorResponse{
		Status: http.StatusInternalServerError, Type: serverError, Code: "internal",
		Message: "Internal error. Try again; if it keeps failing, give the operator the request ID.",
	}
}

// exhaustedResponse distinguishes a quota that is spent from one that requests in
// progress hold, which may become free again.
func exhaustedResponse(r *refusal) ErrorResponse {
	free, held := r.verdict.Free, r.verdict.InProgress
	if held > 0 && free+held >= max(1, r.wantedUnits) {
		return ErrorResponse{
			Status: http.StatusTooManyRequests, Type: rateLimit, Code: "quota_in_progress", RetryAfterSeconds: 1,
			Message: fmt.Sprintf("This API key has %d units left, and the request may need %d. Requests in progress hold %d more. Wait until they end, then try again.",
				free, max(1, r.wantedUnits), held),
		}
	}
	if r.Scope == quota.ScopeWallet {
		return walletResponse(r)
	}
	if r.ResetsAt > 0 {
		return windowResponse(r)
	}
	e := ErrorResponse{
		Status: http.StatusTooManyRequests, Type: insufficientQuota, Code: insufficientQuota, noRetry: true,
		Message: "This API key has no units left. Ask the issuer of the key for more quota.",
	}
	if free > 0 && r.wantedUnits > 0 {
		e.Message = fmt.Sprintf("This API key has %d units left, and the request may need %d. Reduce the maximum number of tokens, or ask the issuer of the key for more quota.",
			free, r.wantedUnits)
	}
	return e
}

type errorRow struct {
	err error
	ErrorResponse
}

// errorTable returns the responses to errors without numbers. The first row
// that matches applies.
func errorTable(key string) []errorRow {
	const retryAfterSeconds = 1
	unauthorized := func(err error, code, message string) errorRow {
		return errorRow{err, ErrorResponse{Status: http.StatusUnauthorized, Type: invalidRequest, Code: code, Message: message}}
	}
	forbidden := func(err error, code, message string) errorRow {
		return errorRow{err, ErrorResponse{Status: http.StatusForbidden, Type: permissionError, Code: code, Message: message}}
	}
	invalid := func(err error, status int, code, message string) errorRow {
		return errorRow{err, ErrorResponse{Status: status, Type: invalidRequest, Code: code, Message: message}}
	}
	later := func(err error, status int, kind, code, message string) errorRow {
		return errorRow{err, ErrorResponse{Status: status, Type: kind, Code: code, Message: message, RetryAfterSeconds: retryAfterSeconds}}
	}
	unknown := fmt.Sprintf("Incorrect API key provided: %s. Check that it is complete; it may have been deleted. The issuer of the key can give you another.", maskKey(key))
	tooManyOpen := fmt.Sprintf("This API key has %d requests in progress, which is the limit. Wait for the number of seconds in Retry-After, then try again.", quota.MaxOpenHolds)
	return []errorRow{
		unauthorized(errNoKey, "invalid_api_key", "You didn't provide an API key. Send the sk- key in the Authorization header, after the word Bearer."),
		unauthorized(errTwoKeys, "two_api_keys", "The request has two different API keys. Send one."),
		unauthorized(quota.ErrKeyUnknown, "invalid_api_key", unknown),
		unauthorized(quota.RefusedUnknown.Err(), "invalid_api_key", unknown),
		unauthorized(quota.RefusedDisabled.Err(), "key_disabled", "This API key is disabled. Ask the issuer of the key to enable it."),
		unauthorized(quota.RefusedExpired.Err(), "key_expired", "This API key has expired. Ask the issuer of the key to extend it, or for a new one."),
		forbidden(quota.RefusedModel.Err(), "model_not_allowed", "This API key does not allow this model. Use an allowed model, or ask the issuer of the key to allow this one."),
		forbidden(quota.RefusedIP.Err(), "ip_not_allowed", "This API key does not allow your IP address. Use an allowed address, or ask the issuer of the key to allow yours."),
		forbidden(price.ErrNotPriced, "model_not_priced", "This gateway has no price for this model, or for something that the request asks for. Use another model, or ask the operator to set a price."),
		forbidden(errOrigin, "origin_not_allowed", "Pages of this origin may not call the API from a browser. Ask the operator to allow the origin."),
		invalid(errPath, http.StatusNotFound, "path_not_allowed", "This gateway does not serve this method and path. Check the method and the base URL of your client: most paths begin with /v1 or /v1beta. To use another path, ask the operator to allow it."),
		invalid(errNoModel, http.StatusBadRequest, "model_required", "The body has no model. Send the name of a model in the field model, as JSON or as a form."),
		invalid(errModelNotOne, http.StatusBadRequest, "invalid_body", "The body must have the field model once, in lower case, with a string as its value."),
		invalid(errMediaType, http.StatusBadRequest, "invalid_body", "The Content-Type is not supported. Send application/json or multipart/form-data."),
		later(errKeyBusy, http.StatusTooManyRequests, rateLimit, "rate_limit_exceeded", "This API key is sending too many large requests at the same time. Wait for the number of seconds in Retry-After, then try again."),
		later(errServerBusy, http.StatusServiceUnavailable, serverError, "server_busy", "The gateway is receiving too many large requests at the same time. Wait for the number of seconds in Retry-After, then try again."),
		later(quota.ErrTooManyOpen, http.StatusTooManyRequests, rateLimit, "too_many_open", tooManyOpen),
		later(quota.ErrContention, http.StatusTooManyRequests, rateLimit, "rate_limit_exceeded", "This API key has too many requests at the same time. Wait for the number of seconds in Retry-After, then try again."),
		later(quota.ErrUnavailable, http.StatusServiceUnavailable, serverError, "unavailable", "The API key can't be checked at the moment. Wait for the number of seconds in Retry-After, then try again."),
	}
}
