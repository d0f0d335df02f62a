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
)

// A fleet is a running `tokenctl proxy` between a tenant and an upstream.
type fleet struct {
	*server
	tenant *dynamotest.Tenant
	gate   *gate.Gate
}

const upstreamKey = "upstream-secret"

// proxying runs the proxy in front of an upstream.
func proxying(t *testing.T, upstream string, args ...string) *fleet {
	t.Helper()
	kit := dynamotest.New(t)
	env := []string{"PORT=0", "DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table, "UPSTREAM_API_KEY=" + upstreamKey}
	s := start(t, "proxy", env, append([]string{"--upstream", upstream}, args...)...)
	return &fleet{s, kit.Tenant(t, "proxied"), gate.New(dynamo.New(kit.Client, dynamotest.Table))}
}

func (f *fleet) key(t *testing.T, u token.Settings) string {
	t.Helper()
	u.Name, u.RemainQuota = new("a key"), new(int64(1000))
	_, key, err := f.tenant.Create(t.Context(), f.tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

// wantUsed waits until all but so many units are free: used, none held.
func (f *fleet) wantUsed(t *testing.T, key string, used int64) {
	t.Helper()
	var u quota.Usage
	eventually(t, "the request is charged and nothing held", func() bool {
		var err error
		if u, err = f.gate.Usage(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		return u.Used+u.Available == u.Granted
	})
	if u.Used != used || u.Granted != 1000 {
		t.Errorf("got %d of %d units used, want %d of 1000", u.Used, u.Granted, used)
	}
}

// An arrival is an answer whose body is on its way.
type arrival struct {
	status int
	body   io.ReadCloser
}

// ask sends a request for a chat completion, with one more header.
func (f *fleet) ask(t *testing.T, key, header, value string) arrival {
	t.Helper()
	const body = `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/v1/chat/completions", strings.NewReader(body))
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

func (f *fleet) wantRefused(t *testing.T, answer arrival, status int, code string) {
	t.Helper()
	body, err := io.ReadAll(answer.body)
	var told struct {
		Error struct{ Message, Type, Code string }
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatalf("answer is not JSON: %s", body)
	}
	if err != nil || answer.status != status || told.Error.Code != code || told.Error.Message == "" || told.Error.Type == "" {
		t.Errorf("got %d %s (%v), want %d %s in the form of OpenAI's errors", answer.status, body, err, status, code)
	}
}

const (
	streamed  = "X-Streamed" // tells the upstream of a test how to answer
	forwarded = "X-Forwarded-For"

	asStream  = "text/event-stream"
	chunk     = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n"
	lastChunk = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\ndata: [DONE]\n\n"
)

// upstreamOf is an OpenAI-compatible API, as far as it goes.
func upstreamOf(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+upstreamKey || r.URL.Path != "/api/v1/chat/completions" {
			t.Errorf("upstream got %s with Authorization of %d characters, want the path behind its own and its key", r.URL, len(got))
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/api"
}

func TestTheProxyChargesPlainAndStreamedAnswersByUsage(t *testing.T) {
	taken := make(chan struct{})
	f := proxying(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(streamed) == "" {
			_, _ = io.WriteString(w, `{"choices":[],"usage":{"total_tokens":21}}`)
			return
		}
		w.Header().Set("Content-Type", asStream)
		_, _ = io.WriteString(w, chunk)
		_ = http.NewResponseController(w).Flush()
		<-taken // the client has the chunk
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
	f.end(t, syscall.SIGINT)
	var line struct {
		Status, Held, Charged int64
		Model                 string
	}
	scan := bufio.NewScanner(strings.NewReader(f.stderr.String()))
	if !scan.Scan() || json.Unmarshal(scan.Bytes(), &line) != nil || line.Status != 200 || line.Held != 517 || line.Charged != 21 || line.Model != "gpt-4o" {
		t.Errorf("got log line %q, want what was held and charged", scan.Text())
	}
}

func TestTheProxyRefusesAsOpenAIDoes(t *testing.T) {
	f := proxying(t, "http://127.0.0.1:1", "--trust-forwarded-for")
	limited := f.key(t, token.Settings{ModelLimitsEnabled: new(true), Models: []string{"o1"}})
	there := f.key(t, token.Settings{AllowIPs: []string{"203.0.113.7"}})
	f.wantRefused(t, f.ask(t, "sk-nonsense", streamed, ""), http.StatusUnauthorized, "invalid_api_key")
	f.wantRefused(t, f.ask(t, limited, streamed, ""), http.StatusForbidden, "model_not_allowed")
	f.wantRefused(t, f.ask(t, there, forwarded, "203.0.113.7, 198.51.100.1"), http.StatusForbidden, "ip_not_allowed")
	f.wantRefused(t, f.ask(t, there, forwarded, "198.51.100.1, 203.0.113.7"), http.StatusBadGateway, "upstream_unreachable")
	f.wantUsed(t, there, 0)
}

// streaming runs the proxy with a request under way, whose upstream has
// begun to answer and goes on when it is told to, or hears that it is over.
func streaming(t *testing.T) (f *fleet, key string, answer arrival, goOn chan struct{}, over <-chan struct{}) {
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
	}))
	key = f.key(t, token.Settings{})
	answer = f.ask(t, key, streamed, "yes")
	if _, err := io.ReadFull(answer.body, make([]byte, len(chunk))); err != nil {
		t.Fatal(err)
	}
	return f, key, answer, goOn, gone
}

func TestAStreamThatTheClientGivesUpIsFree(t *testing.T) {
	f, key, answer, _, over := streaming(t)
	_ = answer.body.Close()
	<-over
	f.wantUsed(t, key, 0)
}

func TestCtrlCLetsAStreamEndAndChargesIt(t *testing.T) {
	f, key, answer, goOn, _ := streaming(t)
	if err := f.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the proxy takes no more connections", func() bool { return !answers(t, f.url) })
	close(goOn)
	if rest, err := io.ReadAll(answer.body); err != nil || string(rest) != lastChunk {
		t.Errorf("got %q, %v, want the rest of the stream", rest, err)
	}
	if code := f.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, f.stderr)
	}
	f.wantUsed(t, key, 21)
}

func TestTheCurlLineOfTheProxyWorksWhenPasted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing, and the line that proxy prints needs it: install curl")
	}
	f := proxying(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // it names a model
	}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", f.curl) //nolint:gosec // the line under test
	cmd.Env = append(cmd.Environ(), "KEY="+f.key(t, token.Settings{}))
	if out, err := cmd.Output(); err != nil || !strings.HasPrefix(string(out), `{"model":`) {
		t.Errorf("got %q (%v), want what upstream answers", out, err)
	}
}

func TestProxyRefusesToStartInOneSentence(t *testing.T) {
	kit := dynamotest.New(t)
	const example = "set UPSTREAM_URL or --upstream to one such as https://api.openai.com"
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"no_upstream":         {nil, "there is no upstream: set UPSTREAM_URL or --upstream to the URL of an OpenAI-compatible API, such as https://api.openai.com."},
		"upstream_no_url":     {[]string{"UPSTREAM_URL=api.openai.com"}, "the upstream is not a URL: " + example + "."},
		"upstream_with_key":   {[]string{"UPSTREAM_URL=https://me:secret@api.openai.com"}, "the upstream is more than a place: " + example + ", and the key as UPSTREAM_API_KEY."},
		"upstream_key_blanks": {[]string{"UPSTREAM_URL=https://api.openai.com", "UPSTREAM_API_KEY=a key\n"}, "UPSTREAM_API_KEY has blanks or line ends in it: set it to the key alone."},
		"port_no_number":      {[]string{"PORT=http"}, `PORT "http" is not a port: set it to a number from 0 to 65535, where 0 takes any free one.`},
		"no_table":            {[]string{"UPSTREAM_URL=https://api.openai.com", "TABLE_NAME=none"}, "table none does not exist at " + kit.Endpoint + ": run `tokenctl table create` if that is a local engine, or check --table."},
		"no_engine":           {[]string{"UPSTREAM_URL=https://api.openai.com", "DYNAMODB_ENDPOINT=http://127.0.0.1:1"}, "no DynamoDB can be reached at http://127.0.0.1:1: start it, or check DYNAMODB_ENDPOINT or --endpoint."},
	} {
		t.Run(name, func(t *testing.T) {
			env := append([]string{"PORT=0", "DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}, c.env...)
			started := time.Now()
			refuse(t, tokenctl(t, env, "proxy"), c.want)
			if took := time.Since(started); took > 4*time.Second {
				t.Errorf("took %v, want about 3s at most", took)
			}
		})
	}
}
