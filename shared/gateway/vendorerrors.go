package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// An ErrorResponse is an error in the form of the API that the caller speaks.
type ErrorResponse struct {
	Status            int
	Type              string // in OpenAI's words
	Code              string
	Message           string // says what is wrong and what to do
	RetryAfterSeconds int    // 0 omits the header Retry-After

	shape   shape
	noRetry bool // tells the vendors' clients not to try again
}

// Write writes the response.
func (e ErrorResponse) Write(w http.ResponseWriter) {
	e.setHeader(w.Header())
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.body()) // fails only if the client has disconnected
}

func (e ErrorResponse) setHeader(h http.Header) {
	h.Set("Content-Type", "application/json")
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if e.RetryAfterSeconds > 0 {
		h.Set("Retry-After", strconv.Itoa(e.RetryAfterSeconds))
	}
	if e.noRetry {
		h.Set("X-Should-Retry", "false")
	}
}

// body returns the response in the form of its API.
func (e ErrorResponse) body() []byte {
	type object map[string]any
	var body any
	switch e.shape {
	case shapeAnthropic: // https://docs.anthropic.com/en/api/errors
		body = object{"type": "error", "error": object{"type": e.anthropicType(), "message": e.Message, "code": e.Code}}
	case shapeGemini: // https://cloud.google.com/apis/design/errors
		body = object{"error": object{
			"code": e.Status, "message": e.Message, "status": e.geminiStatus(),
			"details": []object{{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": e.Code, "domain": "latchkey"}},
		}}
	case shapeOpenAI: // https://platform.openai.com/docs/guides/error-codes
		type detail struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"` // always null; clients expect it
			Code    string  `json:"code"`
		}
		body = object{"error": detail{Message: e.Message, Type: e.Type, Code: e.Code}}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil // strings and numbers can always be encoded
	}
	return text
}

func (e ErrorResponse) anthropicType() string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	case http.StatusBadRequest:
		return "invalid_request_error"
	default:
		return "api_error"
	}
}

func (e ErrorResponse) geminiStatus() string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusInternalServerError:
		return "INTERNAL"
	default:
		return "INVALID_ARGUMENT"
	}
}
