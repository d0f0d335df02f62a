package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An ErrorResponse is an error as OpenAI's API tells it, so that its clients know
// what they got.
type ErrorResponse struct {
	Status            int
	Type              string
	Code              string
	Message           string // one sentence: what is wrong and what to do
	RetryAfterSeconds int    // seconds; 0 is not said
}

// Write answers a request with it.
func (p ErrorResponse) Write(w http.ResponseWriter) {
	type detail struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"` // always null; clients look for it
		Code    string  `json:"code"`
	}
	body, err := json.Marshal(struct {
		Error detail `json:"error"`
	}{detail{Message: p.Message, Type: p.Type, Code: p.Code}})
	if err != nil {
		body = nil // it can't: all are texts
	}
	w.Header().Set("Content-Type", "application/json")
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if p.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfterSeconds))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that has gone reads nothing
}

// The errors of the middleware. Those of the domain are token's.
var (
	errNoKey       = errors.New("no key")
	errNoModel     = errors.New("no model")
	errModelNotOne = errors.New("model is not one string")
	errMediaType   = errors.New("media type is neither JSON nor a form")
)

// A refusal is why the gate did not let a request through.
type refusal struct {
	quota.RefusedError
	left, asked int64 // units
}

func (r *refusal) Unwrap() error { return r.RefusedError }

// A bodyError is a body that can't be read; its text is for the caller.
type bodyError string

func (e bodyError) Error() string { return string(e) }

func invalidBody(what string) error { return bodyError("The body " + what + ".") }

type bodyTooLargeError struct{ most int64 } // bytes

func (e *bodyTooLargeError) Error() string { return "body is too large" }

// The types of errors that OpenAI's API has.
const (
	invalidRequest = "invalid_request_error"
	noQuota        = "insufficient_quota"
	rateLimit      = "rate_limit_error"
	serverError    = "server_error"
)

const soon = 1 // seconds

// problems is the whole table, in the order in which it is searched.
func problems() []struct {
	err error
	ErrorResponse
} {
	return []struct {
		err error
		ErrorResponse
	}{
		{errNoKey, ErrorResponse{http.StatusUnauthorized, invalidRequest, "invalid_api_key", "There is no key: send the sk- key in the header Authorization, after the word Bearer.", 0}},
		{quota.ErrKeyUnknown, ErrorResponse{http.StatusUnauthorized, invalidRequest, "invalid_api_key", "The key is not valid: check that it is complete; it may have been deleted.", 0}},
		{quota.RefusedUnknown.Err(), ErrorResponse{http.StatusUnauthorized, invalidRequest, "invalid_api_key", "The key is not valid: check that it is complete; it may have been deleted.", 0}},
		{quota.RefusedDisabled.Err(), ErrorResponse{http.StatusUnauthorized, invalidRequest, "key_disabled", "The key is disabled: ask whoever gave it to you to enable it.", 0}},
		{quota.RefusedExpired.Err(), ErrorResponse{http.StatusUnauthorized, invalidRequest, "key_expired", "The key has expired: ask whoever gave it to you to extend it, or for another.", 0}},
		{quota.RefusedModel.Err(), ErrorResponse{http.StatusForbidden, invalidRequest, "model_not_allowed", "The key is not for this model: name one that it is for, or ask whoever gave it to you to add the model.", 0}},
		{quota.RefusedIP.Err(), ErrorResponse{http.StatusForbidden, invalidRequest, "ip_not_allowed", "The key is not for your address: call from one that it is for, or ask whoever gave it to you to add yours.", 0}},
		{errNoModel, ErrorResponse{http.StatusBadRequest, invalidRequest, "model_required", "The body names no model: send its name as model, in a JSON object or a form.", 0}},
		{errModelNotOne, ErrorResponse{http.StatusBadRequest, invalidRequest, "invalid_body", "The body does not name one model: send model once, in lower case, as a string.", 0}},
		{errMediaType, ErrorResponse{http.StatusBadRequest, invalidRequest, "invalid_body", "The body is neither JSON nor a form: send Content-Type: application/json or multipart/form-data.", 0}},
		{quota.ErrTooManyOpen, ErrorResponse{http.StatusTooManyRequests, rateLimit, "too_many_open", fmt.Sprintf("The key has %d requests under way: wait until some have ended, and try again after the seconds in Retry-After.", quota.MaxOpenHolds), soon}},
		{token.ErrContention, ErrorResponse{http.StatusTooManyRequests, rateLimit, "rate_limit_exceeded", "The key has too many requests at the same time: try again after the seconds in Retry-After.", soon}},
		{token.ErrUnavailable, ErrorResponse{http.StatusServiceUnavailable, serverError, "unavailable", "The key can't be checked just now: try again after the seconds in Retry-After.", soon}},
	}
}

// explain finds how an error is told. One that nobody foresaw is our own
// failure: its text is for the log only.
func explain(err error) ErrorResponse {
	var (
		refused *refusal
		large   *bodyTooLargeError
		body    bodyError
	)
	switch {
	case errors.As(err, &refused) && refused.Refusal == quota.RefusedExhausted && refused.asked > 0:
		return ErrorResponse{
			http.StatusTooManyRequests, noQuota, noQuota,
			fmt.Sprintf("The key has %d units left and this request may need %d: let it write fewer tokens, or ask whoever gave you the key for more quota.", refused.left, refused.asked), 0,
		}
	case errors.As(err, &refused) && refused.Refusal == quota.RefusedExhausted:
		return ErrorResponse{http.StatusTooManyRequests, noQuota, noQuota, "The key has no units left: ask whoever gave it to you for more quota.", 0}
	case errors.As(err, &large):
		return ErrorResponse{http.StatusRequestEntityTooLarge, invalidRequest, "body_too_large", fmt.Sprintf("The body is larger than %d bytes: send a smaller one.", large.most), 0}
	case errors.As(err, &body):
		return ErrorResponse{http.StatusBadRequest, invalidRequest, "invalid_body", body.Error(), 0}
	}
	for _, p := range problems() {
		if errors.Is(err, p.err) {
			return p.ErrorResponse
		}
	}
	return ErrorResponse{http.StatusInternalServerError, serverError, "internal", "Something went wrong on our side: try again, and if it stays so, tell the operator when it was.", 0}
}
