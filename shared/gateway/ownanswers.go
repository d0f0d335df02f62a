package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// HealthPath is the path that answers 200 without a key.
const HealthPath = "/healthz"

// answerOwn answers requests that are not for the upstream: health checks and the
// preflight requests of browsers.
func (m *middleware) answerOwn(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path == HealthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n") // fails only if the client has disconnected
		return true
	case r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "":
		m.answerPreflight(w, r)
		return true
	default:
		return false
	}
}

// answerPreflight answers a browser that asks whether a page may call the API.
// https://fetch.spec.whatwg.org/#http-cors-protocol
func (m *middleware) answerPreflight(w http.ResponseWriter, r *http.Request) {
	if !m.setCORS(w.Header(), r) {
		response := errorResponse(errOrigin, "")
		response.shape = shapeOf(r.URL.Path)
		response.Write(w)
		return
	}
	const maxAgeSeconds = "7200" // the longest that Chromium accepts
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
		w.Header().Set("Access-Control-Allow-Headers", names)
	}
	w.Header().Set("Access-Control-Max-Age", maxAgeSeconds)
	w.WriteHeader(http.StatusNoContent)
}

// setCORS lets a browser read the answer if the page's origin is allowed.
func (m *middleware) setCORS(h http.Header, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || len(m.AllowOrigins) == 0 {
		return false
	}
	h.Add("Vary", "Origin")
	if !slices.Contains(m.AllowOrigins, origin) && !slices.Contains(m.AllowOrigins, "*") {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join([]string{requestIDHeader, clampHeader, "Retry-After"}, ", "))
	return true
}

// ParseOrigin returns s if it is an origin for Options.AllowOrigins: a scheme and
// a host, without a path, or "*".
func ParseOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if s != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != s) {
		return "", fmt.Errorf("%q is not an origin: use one such as https://app.example.com, without a path, or *", s)
	}
	return s, nil
}

// requestIDHeader has the id under which the log knows the request.
const requestIDHeader = "X-Request-Id"

// A filteredWriter removes the headers of an answer that are not for the caller,
// and adds those of the middleware.
type filteredWriter struct {
	http.ResponseWriter
	m    *middleware
	r    *http.Request
	req  *request
	done bool
}

// WriteHeader implements http.ResponseWriter.
func (w *filteredWriter) WriteHeader(status int) {
	if !w.done && status >= http.StatusOK { // an informational status is not the final one
		w.done = true
		w.setHeaders(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *filteredWriter) setHeaders(h http.Header) {
	filterHeader(h)
	w.m.setCORS(h, w.r)
	h.Set(requestIDHeader, w.req.RequestID)
	w.req.rates.set(h)
	if w.req.endpoint.shape == shapeAnthropic {
		h.Set("Request-Id", w.req.RequestID)
	}
	if w.req.clampedTokens > 0 {
		h.Set(clampHeader, strconv.FormatInt(w.req.clampedTokens, 10))
	}
}

// Write implements io.Writer.
func (w *filteredWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController access to the other methods.
func (w *filteredWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
