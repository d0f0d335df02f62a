package benchtest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// A recorder stands between a server and the engine, and keeps the server's calls, and
// the items that they change as these were before.
type recorder struct {
	*httptest.Server
	engine string
	client *http.Client
	before *before

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

func newRecorder(t testing.TB, kit *dynamotest.Kit) *recorder {
	t.Helper()
	r := &recorder{engine: kit.Endpoint, client: newClient(t), before: newBefore(kit)}
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
	err = r.before.keep(in.Context(), c)
	var answer *http.Response
	if err == nil {
		answer, err = c.send(in.Context(), r.client, r.engine)
	}
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

var requestToken = regexp.MustCompile(`"ClientRequestToken":"[^"]*"`)

// send sends a call with its first signature, which a local engine does not check. A
// transaction gets another token, because the engine answers a repeated one without
// doing it again.
func (c call) send(ctx context.Context, client *http.Client, engine string) (*http.Response, error) {
	body := requestToken.ReplaceAll(c.body, []byte(`"ClientRequestToken":"`+rand.Text()+`"`))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, engine, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = c.header.Clone() // net/http sets the length
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
	if err == nil && status != http.StatusOK {
		refused <- true
	}
	return err
}
