package dynamotest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A SlowEngine passes requests on to an engine.
type SlowEngine struct {
	URL string

	// Slow makes updates of items take a while, as they may in DynamoDB. An update
	// whose client has ended meanwhile is dropped, so a process has to wait for its
	// updates.
	Slow atomic.Bool

	// Lossy makes updates get no answer. The first one is applied, the others
	// are not.
	Lossy atomic.Bool

	lost atomic.Int64
}

// NewSlowEngine starts a SlowEngine in front of the engine at endpoint.
func NewSlowEngine(t testing.TB, endpoint string) *SlowEngine {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s, proxy := new(SlowEngine), httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateItem") || s.mayUpdate(r, proxy) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// mayUpdate waits, and reports whether the update is to be passed on.
func (s *SlowEngine) mayUpdate(r *http.Request, engine http.Handler) bool {
	const delay = 100 * time.Millisecond
	content, err := io.ReadAll(r.Body) // the server notices the end of a connection only after that
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(content))
	if s.Lossy.Load() {
		if s.lost.Add(1) == 1 {
			engine.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler) // closes the connection
	}
	if !s.Slow.Load() {
		return true
	}
	select {
	case <-time.After(delay):
		return true
	case <-r.Context().Done():
		return false
	}
}
