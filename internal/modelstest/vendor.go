package modelstest

import (
	"cmp"
	"net/http"
	"strings"
)

// A vendor is whose API a path belongs to.
type vendor int

const (
	openAI vendor = iota
	anthropic
	gemini
)

// keyOf returns the key of a request, from where the vendor expects it.
func (v vendor) keyOf(r *http.Request) string {
	switch v {
	case anthropic: // its own package sends Authorization
		return cmp.Or(r.Header.Get("X-Api-Key"), bearer(r))
	case gemini:
		return r.Header.Get("X-Goog-Api-Key")
	case openAI:
	}
	return bearer(r)
}

func bearer(r *http.Request) string {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return key
}

// fail answers with an error in the vendor's form.
func (x *exchange) fail(status int) {
	if status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", "1")
	}
	x.write(status, "application/json", encode(x.vendor.problem(status)))
}

func notFound(x *exchange) { x.fail(http.StatusNotFound) }

// problem returns the body of an error with a status.
func (v vendor) problem(status int) obj {
	name := problems()[status]
	switch v {
	case anthropic:
		return obj{"type": "error", "error": obj{"type": name.anthropic, "message": "upstream: " + name.anthropic}, "request_id": "req_fake"}
	case gemini:
		return obj{"error": obj{"code": status, "message": "upstream: " + name.gemini, "status": name.gemini}}
	case openAI:
	}
	return obj{"error": obj{"message": "upstream: " + name.openAI, "type": name.openAI, "param": nil, "code": name.code}}
}

type problemNames struct {
	openAI, code, anthropic, gemini string // code is OpenAI's
}

// problems returns the vendors' names of errors.
func problems() map[int]problemNames {
	return map[int]problemNames{
		http.StatusBadRequest:          {"invalid_request_error", "invalid_value", "invalid_request_error", "INVALID_ARGUMENT"},
		http.StatusUnauthorized:        {"invalid_request_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED"},
		http.StatusForbidden:           {"invalid_request_error", "unsupported_country_region_territory", "permission_error", "PERMISSION_DENIED"},
		http.StatusNotFound:            {"invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND"},
		http.StatusTooManyRequests:     {"requests", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"},
		http.StatusInternalServerError: {"server_error", "server_error", "api_error", "INTERNAL"},
		http.StatusServiceUnavailable:  {"server_error", "server_error", "overloaded_error", "UNAVAILABLE"},
	}
}
