package gateway

import (
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// keyHeaders returns the headers in which clients of the three APIs, and of
// Azure's OpenAI API, send their key.
func keyHeaders() []string {
	return []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}
}

// callerKey returns the key of a request, from its headers and from its query.
// Two different keys are refused: the request could be charged to either.
func callerKey(h http.Header, inQuery []string) (string, error) {
	candidates := inQuery
	for _, name := range keyHeaders() {
		candidates = append(candidates, h.Values(name)...)
	}
	key := ""
	for _, candidate := range candidates {
		switch found := credential.Bearer(candidate); {
		case found == "" || found == key:
		case key != "":
			return "", errTwoKeys
		default:
			key = found
		}
	}
	if key == "" {
		return "", errNoKey
	}
	return key, nil
}

// requestHeaders returns the names of the headers that are passed on to the
// upstream. Idempotency-Key is not among them: all callers share the operator's
// key, so one caller could obtain the answer to another.
func requestHeaders() []string {
	return []string{"Accept", "Content-Type", "User-Agent", "Anthropic-Version", "Anthropic-Beta", "Openai-Beta"}
}

// responseHeaders returns the names of the headers that are passed on to the
// caller. Those about the operator's account and its limits are not among them.
func responseHeaders() []string {
	return []string{
		"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Cache-Control", "Date",
		"Retry-After", "Retry-After-Ms", "X-Should-Retry", "Www-Authenticate", "Openai-Processing-Ms", "Openai-Version",
		"Connection", // set by a server that closes it; a reverse proxy removes the upstream's
	}
}

// forwardedHeader returns the header of the request that next receives.
func forwardedHeader(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range requestHeaders() {
		if values := h.Values(name); len(values) > 0 && !isCredential("", values) {
			out[name] = values
		}
	}
	out.Set("Accept-Encoding", "identity") // the middleware reads the answer
	return out
}

// filterHeader removes what is not passed on to the caller, and everything that
// looks like a credential.
func filterHeader(h http.Header) {
	allowed := map[string]bool{}
	for _, name := range responseHeaders() {
		allowed[name] = true
	}
	for name, values := range h {
		if !allowed[name] || isCredential("", values) {
			delete(h, name)
		}
	}
}

// maskKey returns the parts of a key that may be shown, as OpenAI's API shows
// them.
func maskKey(key string) string {
	const head, tail = 5, 4 // "sk-lk" and the last four characters
	if len(key) < 4*(head+tail) || strings.ContainsFunc(key, isUnsafeInPath) {
		return "**********"
	}
	return key[:head] + "…" + key[len(key)-tail:]
}
