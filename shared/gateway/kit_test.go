package gateway_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A server is an HTTP server with the middleware, and a tenant that creates
// keys for it.
type server struct {
	*dynamotest.Tenant
	gate     *gate.Gate // reads usage, without the faults of the middleware's store
	store    *dynamo.Store
	handler  *gateway.Handler
	url      string
	finished chan struct{} // receives a value when a request and its hold have ended
	log      *capture.Output
	key      atomic.Value // a key for the handler behind the middleware
}

// completionOf is completion with another usage: 9 input tokens, and output to the total.
func completionOf(total int64) string {
	return strings.Replace(completion, `"completion_tokens":12,"total_tokens":21`, fmt.Sprintf(`"completion_tokens":%d,"total_tokens":%d`, total-9, total), 1)
}

// newServer starts a server with the middleware in front of next. The tweaks
// apply to the middleware's DynamoDB client.
func newServer(t testing.TB, next http.Handler, o gateway.Options, tweaks ...func(*dynamodb.Options)) *server {
	t.Helper()
	kit := dynamotest.New(t, tweaks...)
	s := &server{Tenant: kit.Tenant(t, "gateway"), finished: make(chan struct{}, 1000), log: new(capture.Output)}
	clock := gate.WithClock(s.Clock.Now)
	s.store = dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table)
	s.gate = gate.New(s.store, clock)
	o.Log = slog.New(slog.NewJSONHandler(s.log, nil))
	s.handler = gateway.Middleware(gate.New(dynamo.New(kit.Client, dynamotest.Table), clock), next, o)
	httpServer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.finished <- struct{}{} }()
		s.handler.ServeHTTP(w, r)
	}))
	httpServer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // some tests panic on purpose
	httpServer.Start()
	s.url = httpServer.URL
	t.Cleanup(func() {
		httpServer.Close()
		if strings.Contains(s.log.String(), "sk-") {
			t.Errorf("the log contains a key:\n%s", s.log)
		}
	})
	return s
}

// setPrices sets the price table. The middleware must not have read it yet.
func (s *server) setPrices(t testing.TB, file string) {
	t.Helper()
	if _, err := s.store.SetPriceFile(t.Context(), []byte(file), 0); err != nil {
		t.Fatal(err)
	}
}

// newKey creates a token with a quota, and returns its key and id.
func (s *server) newKey(t testing.TB, units int64, limits ...func(*token.Settings)) (string, int64) {
	t.Helper()
	u := token.Settings{Name: new("a key"), RemainQuota: &units}
	for _, limit := range limits {
		limit(&u)
	}
	created, key, err := s.Create(t.Context(), s.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal(), created.ID
}

// wantUsed waits for the end of a request, then checks the token's usage.
func (s *server) wantUsed(t testing.TB, key string, granted, used int64) {
	t.Helper()
	<-s.finished
	s.checkUsage(t, key, granted, used)
}

// checkUsage checks that used units are charged and that all others are free.
func (s *server) checkUsage(t testing.TB, key string, granted, used int64) {
	t.Helper()
	u, err := s.gate.Usage(t.Context(), key, quota.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if u.Granted != granted || u.Used != used || u.Available != granted-used {
		t.Errorf("got %d granted, %d used, %d available, want %d, %d and %d\n%s", u.Granted, u.Used, u.Available, granted, used, granted-used, s.log)
	}
}

// chatRequest returns a request for a chat completion.
func (s *server) chatRequest(t testing.TB, key, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

// modelsRequest returns a request without a body.
func (s *server) modelsRequest(t testing.TB, key string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/models", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	return r
}

// A response is a response that was read to its end. err says why there is
// none, or why its body is incomplete.
type response struct {
	status int
	header http.Header
	body   string
	err    error
}

func send(t testing.TB, r *http.Request) response {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return response{err: err}
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(body), err}
}

// chat requests a chat completion.
func (s *server) chat(t testing.TB, key, body string) response {
	t.Helper()
	return send(t, s.chatRequest(t, key, body))
}

// wantRefused sends a request and checks the error response.
func (s *server) wantRefused(t *testing.T, r *http.Request, status int, body string) response {
	t.Helper()
	got := send(t, r)
	if diff := cmp.Diff(body, got.body); got.status != status || diff != "" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d, want %d; the body differs (-want +got):\n%s", got.status, status, diff)
	}
	return got
}

const invalidRequest = "invalid_request_error"

// errorBody returns the body of an error response.
func errorBody(kind, code, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":null,"code":%q}}`, message, kind, code)
}

// notCalled returns a handler that fails the test if it is called.
func notCalled(t testing.TB) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler behind the middleware was called") })
}

// reverseProxy starts an upstream server and returns a reverse proxy to it.
func reverseProxy(t testing.TB, upstream http.HandlerFunc) http.Handler {
	t.Helper()
	httpServer := httptest.NewServer(upstream)
	t.Cleanup(httpServer.Close)
	return reverseProxyTo(t, httpServer.URL)
}

func reverseProxyTo(t testing.TB, base string) http.Handler {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

// respond returns a handler that gives the same response to every request.
func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	jsonType   = "application/json"
	streamType = "text/event-stream; charset=utf-8"

	hello         = `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`
	helloInput    = 17 // tokens, by the estimate
	helloEstimate = helloInput + 500
	completion    = `{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi! \"usage\":{\"total_tokens\":1}"}}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`
	chunk         = `data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}` + "\n\n"
	lastChunk     = `data: {"id":"c1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}` + "\n\n"
	done          = "data: [DONE]\n\n"
)
