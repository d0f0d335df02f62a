package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// A fleet is a running `tokenctl proxy`, a user with keys and a gate on its table.
type fleet struct {
	*tokenctltest.Server
	engine *dynamotest.SlowEngine // the proxy's
	tenant *dynamotest.Tenant
	gate   *gate.Gate
	start  func() *tokenctltest.Server
}

const upstreamKey = "upstream-secret"

// proxying starts the proxy in front of an upstream.
func proxying(t *testing.T, upstream string, args ...string) *fleet {
	t.Helper()
	kit := dynamotest.New(t)
	engine := dynamotest.NewSlowEngine(t, kit.Endpoint)
	env := []string{"PORT=0", "DYNAMODB_ENDPOINT=" + engine.URL, "TABLE_NAME=" + dynamotest.Table, "UPSTREAM_API_KEY=" + upstreamKey}
	start := func() *tokenctltest.Server {
		return tokenctltest.Start(t, tokenctltest.Command(t, env, append([]string{"proxy", "--upstream", upstream}, args...)...))
	}
	return &fleet{start(), engine, kit.Tenant(t, "proxied"), gate.New(dynamo.New(kit.Client, dynamotest.Table)), start}
}

// key creates a token with a quota of 1000 and returns its key.
func (f *fleet) key(t *testing.T, u token.Settings) string {
	t.Helper()
	u.Name, u.RemainQuota = new("a key"), new(int64(1000))
	_, key, err := f.tenant.Create(t.Context(), f.tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

// wantNothingHeld waits until no units are reserved and returns the usage.
func (f *fleet) wantNothingHeld(t *testing.T, key string) (u quota.Usage) {
	t.Helper()
	tokenctltest.Eventually(t, "no units are reserved", func() bool {
		var err error
		if u, err = f.gate.Usage(t.Context(), key, quota.Origin{}); err != nil {
			t.Fatal(err)
		}
		return u.Used+u.Available == u.Granted
	})
	return u
}

// wantUsed waits until no units are reserved and checks how many are used.
func (f *fleet) wantUsed(t *testing.T, key string, used int64) {
	t.Helper()
	u := f.wantNothingHeld(t, key)
	if u.Used != used || u.Granted != 1000 {
		t.Errorf("got %d of %d units used, want %d of 1000", u.Used, u.Granted, used)
	}
}

// An arrival is a response whose body has not been read.
type arrival struct {
	status int
	body   io.ReadCloser
}

// ask sends a request for a chat completion, with one additional header.
func (f *fleet) ask(t *testing.T, key, header, value string) arrival {
	t.Helper()
	const body = `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(header, value)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return arrival{answer.StatusCode, answer.Body}
}

// wantRefused checks the status and the code of an error in OpenAI's format.
func (f *fleet) wantRefused(t *testing.T, answer arrival, status int, code string) {
	t.Helper()
	body, err := io.ReadAll(answer.body)
	var refusal struct {
		Error struct{ Message, Type, Code string }
	}
	if err := json.Unmarshal(body, &refusal); err != nil {
		t.Fatalf("answer is not JSON: %s", body)
	}
	if err != nil || answer.status != status || refusal.Error.Code != code || refusal.Error.Message == "" || refusal.Error.Type == "" {
		t.Errorf("got %d %s (%v), want %d %s in the format of OpenAI's errors", answer.status, body, err, status, code)
	}
}

const (
	streamed  = "Openai-Beta" // tells the upstream of a test to stream
	forwarded = "X-Forwarded-For"

	asStream  = "text/event-stream"
	chunk     = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n"
	lastChunk = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\ndata: [DONE]\n\n"
)

// upstreamOf returns the URL of an upstream that handles chat completions.
func upstreamOf(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+upstreamKey || r.URL.Path != "/api/v1/chat/completions" {
			t.Errorf("upstream got %s with Authorization of %d characters, want its path and its key", r.URL, len(got))
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/api"
}

// TestProxyChargesUsage checks that plain and streamed responses are charged by
// their usage and that streaming is not delayed.
func TestProxyChargesUsage(t *testing.T) {
	taken := make(chan struct{})
	f := proxying(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(streamed) == "" {
			_, _ = io.WriteString(w, `{"choices":[],"usage":{"total_tokens":21}}`)
			return
		}
		w.Header().Set("Content-Type", asStream)
		_, _ = io.WriteString(w, chunk)
		_ = http.NewResponseController(w).Flush()
		<-taken // the client has read the chunk
		_, _ = io.WriteString(w, lastChunk)
	}))
	key := f.key(t, token.Settings{})
	if body, err := io.ReadAll(f.ask(t, key, streamed, "").body); err != nil || !strings.Contains(string(body), `"total_tokens":21`) {
		t.Errorf("got %s, %v, want the answer", body, err)
	}
	f.wantUsed(t, key, 21)
	stream := f.ask(t, key, streamed, "yes")
	if _, err := io.ReadFull(stream.body, make([]byte, len(chunk))); err != nil {
		t.Fatal(err)
	}
	close(taken)
	if rest, err := io.ReadAll(stream.body); err != nil || string(rest) != lastChunk {
		t.Errorf("got %q, %v, want the rest of the stream", rest, err)
	}
	f.wantUsed(t, key, 42)
	f.End(t, syscall.SIGINT)
	var line struct {
		Status, Held, Charged int64
		Model                 string
	}
	scan := bufio.NewScanner(strings.NewReader(f.Stderr.String()))
	if !scan.Scan() || json.Unmarshal(scan.Bytes(), &line) != nil || line.Status != 200 || line.Held != 517 || line.Charged != 21 || line.Model != "gpt-4o" {
		t.Errorf("got log line %q, want what was held and charged", scan.Text())
	}
}

// TestProxyErrorsHaveOpenAIFormat checks the errors of the proxy for each reason to
// refuse a request.
func TestProxyErrorsHaveOpenAIFormat(t *testing.T) {
	f := proxying(t, "http://127.0.0.1:1", "--trust-forwarded-for")
	limited := f.key(t, token.Settings{ModelLimitsEnabled: new(true), Models: []string{"o1"}})
	there := f.key(t, token.Settings{AllowIPs: []string{"203.0.113.7"}})
	f.wantRefused(t, f.ask(t, "sk-nonsense", streamed, ""), http.StatusUnauthorized, "invalid_api_key")
	f.wantRefused(t, f.ask(t, limited, streamed, ""), http.StatusForbidden, "model_not_allowed")
	f.wantRefused(t, f.ask(t, there, forwarded, "203.0.113.7, 198.51.100.1"), http.StatusForbidden, "ip_not_allowed")
	f.wantRefused(t, f.ask(t, there, forwarded, "198.51.100.1, 203.0.113.7"), http.StatusBadGateway, "upstream_unreachable")
	f.wantUsed(t, there, 0)
}

// streaming starts the proxy and a streamed request. The upstream has sent one
// piece; it sends the rest when goOn is closed, and closes over if the request is
// cancelled.
func streaming(t *testing.T, args ...string) (f *fleet, key string, answer arrival, goOn chan struct{}, over <-chan struct{}) {
	t.Helper()
	goOn = make(chan struct{})
	gone := make(chan struct{})
	f = proxying(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asStream)
		_, _ = io.WriteString(w, chunk)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-goOn:
			_, _ = io.WriteString(w, lastChunk)
		case <-r.Context().Done():
			close(gone)
		}
	}), args...)
	key = f.key(t, token.Settings{})
	answer = f.ask(t, key, streamed, "yes")
	if _, err := io.ReadFull(answer.body, make([]byte, len(chunk))); err != nil {
		t.Fatal(err)
	}
	return f, key, answer, goOn, gone
}

// TestProxyChargesAbortedStream checks that a client that aborts a stream pays
// for its input and for what it has got.
func TestProxyChargesAbortedStream(t *testing.T) {
	f, key, answer, _, over := streaming(t)
	_ = answer.body.Close()
	<-over
	f.wantUsed(t, key, 17+1)
}

// TestProxyCurlLine checks that the curl command that proxy prints works.
func TestProxyCurlLine(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing, and the line that proxy prints needs it: install curl")
	}
	f := proxying(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // which names a model
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", f.Curl) //nolint:gosec // the line under test
	cmd.Env = append(cmd.Environ(), "KEY="+f.key(t, token.Settings{}))
	if out, err := cmd.Output(); err != nil || !strings.HasPrefix(string(out), `{"model":`) {
		t.Errorf("got %q (%v), want the response of the upstream", out, err)
	}
}
