package gateway_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A front is a server with the middleware, in front of something, and a
// tenant whose keys it takes.
type front struct {
	*dynamotest.Tenant
	gate  *gate.Gate // for audits: nothing goes wrong with it
	url   string
	ended chan struct{} // one for each request that is done with, its hold too
	log   *capture.Output
	keys  atomic.Value // a key, for the handler behind
}

func newFront(t testing.TB, next http.Handler, o gateway.Options, tweaks ...func(*dynamodb.Options)) *front {
	t.Helper()
	kit := dynamotest.New(t, tweaks...)
	f := &front{Tenant: kit.Tenant(t, "front"), ended: make(chan struct{}, 1000), log: new(capture.Output)}
	clock := gate.WithClock(f.Clock.Now)
	f.gate = gate.New(dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table), clock)
	o.Log = slog.New(slog.NewJSONHandler(f.log, nil))
	middleware := gateway.Middleware(gate.New(dynamo.New(kit.Client, dynamotest.Table), clock), next, o)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { f.ended <- struct{}{} }()
		middleware.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // panics are part of the tests
	server.Start()
	f.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if strings.Contains(f.log.String(), "sk-") {
			t.Errorf("a key in the log:\n%s", f.log)
		}
	})
	return f
}

// key makes a token with some units.
func (f *front) key(t testing.TB, units int64, limits ...func(*token.Settings)) (string, int64) {
	t.Helper()
	u := token.Settings{Name: new("a key"), RemainQuota: &units}
	for _, limit := range limits {
		limit(&u)
	}
	made, key, err := f.Create(t.Context(), f.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal(), made.ID
}

// wantUsed waits for a request's end and holds the token to what it has used
// then: all else is free, and nothing held.
func (f *front) wantUsed(t testing.TB, key string, granted, used int64) {
	t.Helper()
	<-f.ended
	f.audit(t, key, granted, used)
}

func (f *front) audit(t testing.TB, key string, granted, used int64) {
	t.Helper()
	u, err := f.gate.Usage(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if u.Granted != granted || u.Used != used || u.Available != granted-used {
		t.Errorf("got %d granted, %d used, %d available, want %d, %d and %d\n%s", u.Granted, u.Used, u.Available, granted, used, granted-used, f.log)
	}
}

// request makes one for a chat completion.
func (f *front) request(t testing.TB, key, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

// A reply is an answer, read; err is why its body ended early.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func send(t testing.TB, r *http.Request) reply {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, string(body), err}
}

// chat asks for a chat completion.
func (f *front) chat(t testing.TB, key, body string) reply {
	t.Helper()
	return send(t, f.request(t, key, body))
}

// proxied is a way to an upstream that is a server of its own.
func proxied(t testing.TB, upstream http.HandlerFunc) http.Handler {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	return proxyTo(t, server.URL)
}

func proxyTo(t testing.TB, base string) http.Handler {
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

// says answers every request with one text.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	asJSON   = "application/json"
	asStream = "text/event-stream; charset=utf-8"

	hello      = `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}` // 17 tokens by the estimate
	helloCosts = 17 + 500
	completion = `{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi! \"usage\":{\"total_tokens\":1}"}}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`
	chunk      = `data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}` + "\n\n"
	lastChunk  = `data: {"id":"c1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}` + "\n\n"
	done       = "data: [DONE]\n\n"
)
