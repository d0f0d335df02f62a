package benchtest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A recorder stands between a server and the engine, and keeps the server's calls.
type recorder struct {
	*httptest.Server
	engine string
	client *http.Client

	mu       sync.Mutex
	inFlight int
	stages   []stage
}

// A stage is calls that the server made at the same time.
type stage []call

type call struct {
	header http.Header
	body   []byte
}

func newRecorder(t testing.TB, engine string) *recorder {
	t.Helper()
	r := &recorder{engine: engine, client: newClient(t)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	c := call{in.Header.Clone(), body}
	r.begin(c)
	answer, err := c.send(in.Context(), r.client, r.engine)
	r.end()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close() //nolint:errcheck // it is read below
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // the server may be gone
}

func (r *recorder) begin(c call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	target := c.header.Get("X-Amz-Target")
	if !strings.HasPrefix(target, "DynamoDB_") || strings.HasSuffix(target, ".Scan") {
		return // of serve's background work
	}
	if r.inFlight == 0 || len(r.stages) == 0 {
		r.stages = append(r.stages, nil)
	}
	r.inFlight++
	last := len(r.stages) - 1
	r.stages[last] = append(r.stages[last], c)
}

func (r *recorder) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight = max(r.inFlight-1, 0)
}

// take returns the stages since the last take.
func (r *recorder) take() []stage {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.stages
	r.stages = nil
	return taken
}

// send sends a call as it was signed: a local engine does not check how old the
// signature is.
func (c call) send(ctx context.Context, client *http.Client, engine string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, engine, bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.Header = c.header.Clone()
	return client.Do(r)
}

// replay makes the calls of one request again, those of a stage at the same time. It
// reports whether the engine accepted all of them.
func replay(ctx context.Context, client *http.Client, engine string, stages []stage) (accepted bool, err error) {
	accepted = true
	for _, s := range stages {
		results := make(chan error, len(s))
		refused := make(chan bool, len(s))
		for _, c := range s[1:] {
			go func() { results <- c.accepted(ctx, client, engine, refused) }()
		}
		results <- s[0].accepted(ctx, client, engine, refused)
		for range s {
			if e := <-results; e != nil {
				err = e
			}
		}
		accepted = accepted && len(refused) == 0
	}
	return accepted, err
}

func (c call) accepted(ctx context.Context, client *http.Client, engine string, refused chan<- bool) error {
	status, _, err := finish(c.send(ctx, client, engine))
	// The engine answers a repeated transaction without doing it again.
	if err == nil && (status != http.StatusOK || bytes.Contains(c.body, []byte("ClientRequestToken"))) {
		refused <- true
	}
	return err
}
