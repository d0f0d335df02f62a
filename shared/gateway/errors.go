package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/quota"
)

// An ErrorResponse is an error in the format of OpenAI's API, which its client
// libraries understand.
// https://platform.openai.com/docs/guides/error-codes
type ErrorResponse struct {
	Status            int
	Type              string
	Code              string
	Message           string // says what is wrong and what to do
	RetryAfterSeconds int    // 0 omits the header Retry-After
}

// Write writes the response.
func (e ErrorResponse) Write(w http.ResponseWriter) {
	type detail struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"` // always null; clients expect it
		Code    string  `json:"code"`
	}
	body, err := json.Marshal(struct {
		Error detail `json:"error"`
	}{detail{Message: e.Message, Type: e.Type, Code: e.Code}})
	if err != nil {
		body = nil // strings can always be encoded
	}
	w.Header().Set("Content-Type", "application/json")
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if e.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfterSeconds))
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // fails only if the client has disconnected
}

// Errors of the middleware, besides those of package quota.
var (
	errNoKey       = errors.New("no key")
	errNoModel     = errors.New("no model")
	errModelNotOne = errors.New("model is not one string")
	errMediaType   = errors.New("media type is neither JSON nor a form")
)

// A refusal is the gate's refusal with its numbers.
type refusal struct {
	quota.RefusedError
	freeUnits, wantedUnits int64
}

func (r *refusal) Unwrap() error { return r.RefusedError }

// A bodyError is an invalid body. Its text is the message for the caller.
type bodyError string

func (e bodyError) Error() string { return string(e) }

type bodyTooLargeError struct{ maxBytes int64 }

func (e *bodyTooLargeError) Error() string { return "body is too large" }

// The error types of OpenAI's API.
const (
	invalidRequest    = "invalid_request_error"
	insufficientQuota = "insufficient_quota"
	rateLimit         = "rate_limit_error"
	serverError       = "server_error"
)

// errorResponse returns the response to an error. The text of an error that is
// not in the table goes only to the log.
func errorResponse(err error) ErrorResponse {
	var (
		refused  *refusal
		tooLarge *bodyTooLargeError
		invalid  bodyError
	)
	switch {
	case errors.As(err, &refused) && refused.Refusal == quota.RefusedExhausted && refused.wantedUnits > 0:
		return ErrorResponse{
			http.StatusTooManyRequests, insufficientQuota, insufficientQuota,
			fmt.Sprintf("This API key has %d units left, and the request may need %d. Reduce the maximum number of tokens, or ask the issuer of the key for more quota.",
				refused.freeUnits, refused.wantedUnits), 0,
		}
	case errors.As(err, &refused) && refused.Refusal == quota.RefusedExhausted:
		return ErrorResponse{http.StatusTooManyRequests, insufficientQuota, insufficientQuota, "This API key has no units left. Ask the issuer of the key for more quota.", 0}
	case errors.As(err, &tooLarge):
		return ErrorResponse{http.StatusRequestEntityTooLarge, invalidRequest, "body_too_large", fmt.Sprintf("The body is larger than %d bytes. Send a smaller one.", tooLarge.maxBytes), 0}
	case errors.As(err, &invalid):
		return ErrorResponse{http.StatusBadRequest, invalidRequest, "invalid_body", invalid.Error(), 0}
	}
	for _, row := range errorTable() {
		if errors.Is(err, row.err) {
			return row.ErrorResponse
		}
	}
	return ErrorResponse{http.StatusInternalServerError, serverError, "internal", "Internal error. Try again; if it keeps failing, give the operator the time of this request.", 0}
}

type errorRow struct {
	err error
	ErrorResponse
}

// errorTable returns the responses to errors without numbers. The first row
// that matches applies.
func errorTable() []errorRow {
	const (
		unknownKey        = "This API key is unknown. Check that it is complete; it may have been deleted."
		retryAfterSeconds = 1
	)
	tooManyOpen := fmt.Sprintf("This API key has %d requests in progress, which is the limit. Wait for the number of seconds in Retry-After, then try again.", quota.MaxOpenHolds)
	return []errorRow{
		{errNoKey, ErrorResponse{http.StatusUnauthorized, invalidRequest, "invalid_api_key", "API key missing. Send the sk- key in the Authorization header, after the word Bearer.", 0}},
		{quota.ErrKeyUnknown, ErrorResponse{http.StatusUnauthorized, invalidRequest, "invalid_api_key", unknownKey, 0}},
		{quota.RefusedUnknown.Err(), ErrorResponse{http.StatusUnauthorized, invalidRequest, "invalid_api_key", unknownKey, 0}},
		{quota.RefusedDisabled.Err(), ErrorResponse{http.StatusUnauthorized, invalidRequest, "key_disabled", "This API key is disabled. Ask the issuer of the key to enable it.", 0}},
		{quota.RefusedExpired.Err(), ErrorResponse{http.StatusUnauthorized, invalidRequest, "key_expired", "This API key has expired. Ask the issuer of the key to extend it, or for a new one.", 0}},
		{quota.RefusedModel.Err(), ErrorResponse{http.StatusForbidden, invalidRequest, "model_not_allowed", "This API key does not allow this model. Use an allowed model, or ask the issuer of the key to allow this one.", 0}},
		{quota.RefusedIP.Err(), ErrorResponse{http.StatusForbidden, invalidRequest, "ip_not_allowed", "This API key does not allow your IP address. Use an allowed address, or ask the issuer of the key to allow yours.", 0}},
		{errNoModel, ErrorResponse{http.StatusBadRequest, invalidRequest, "model_required", "The body has no model. Send the name of a model in the field model, as JSON or as a form.", 0}},
		{errModelNotOne, ErrorResponse{http.StatusBadRequest, invalidRequest, "invalid_body", "The body must have the field model once, in lower case, with a string as its value.", 0}},
		{errMediaType, ErrorResponse{http.StatusBadRequest, invalidRequest, "invalid_body", "The Content-Type is not supported. Send application/json or multipart/form-data.", 0}},
		{quota.ErrTooManyOpen, ErrorResponse{http.StatusTooManyRequests, rateLimit, "too_many_open", tooManyOpen, retryAfterSeconds}},
		{quota.ErrContention, ErrorResponse{http.StatusTooManyRequests, rateLimit, "rate_limit_exceeded", "This API key has too many requests at the same time. Wait for the number of seconds in Retry-After, then try again.", retryAfterSeconds}},
		{quota.ErrUnavailable, ErrorResponse{http.StatusServiceUnavailable, serverError, "unavailable", "The API key can't be checked at the moment. Wait for the number of seconds in Retry-After, then try again.", retryAfterSeconds}},
	}
}
