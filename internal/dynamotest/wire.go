package dynamotest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"
	"testing"
)

// Listen starts a server in front of the engine at endpoint and returns its URL.
// Calls through it fail as chosen, as they may on a network: connections are kept
// and used again, closed, reset, or never answered on, and answers end in the middle.
// A fault that needs a refused connection closes the connection instead. The server
// stops at the end of the test.
func (f *Faults) Listen(t testing.TB, endpoint string) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	engine := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	server := httptest.NewServer(&wire{faultyClient{f, engine}, target})
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		engine.CloseIdleConnections()
	})
	return server.URL
}

// A wire passes calls on to an engine and turns the errors of its client into
// what a caller sees on its connection.
type wire struct {
	client faultyClient
	engine *url.URL
}

// ServeHTTP implements http.Handler.
func (s *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := peek(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host, out.ContentLength = "", s.engine.Scheme, s.engine.Host, int64(len(body))
	answer, err := s.client.Do(out)
	if err != nil {
		s.fail(w, r, err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	if _, err := io.Copy(w, answer.Body); err != nil {
		_ = http.NewResponseController(w).Flush() // what there is of the answer
		panic(http.ErrAbortHandler)
	}
}

// fail ends a connection with an error.
func (s *wire) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		<-r.Context().Done() // the caller has given up
	case errors.Is(err, syscall.ECONNRESET):
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // the server listens on TCP
			_ = conn.Close()
		}
	}
	panic(http.ErrAbortHandler)
}
