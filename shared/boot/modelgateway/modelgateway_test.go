package modelgateway_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

type urlEvent = events.LambdaFunctionURLRequest

// An answer arrives while the upstream writes it, and is charged before it ends.
func TestStreamedAnswer(t *testing.T) {
	goOn := make(chan struct{})
	f := start(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+upstreamKey || r.URL.String() != "/v1/chat/completions" {
			t.Errorf("upstream got %s with Authorization of %d characters, want its path and its key", r.URL, len(got))
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunk)
		_ = http.NewResponseController(w).Flush()
		<-goOn // the client has the chunk
		_, _ = io.WriteString(w, lastChunk)
	})
	s := f.ask(t)
	wantChunk(t, s)
	if used, held := f.usage(t); used != 0 || held == 0 {
		t.Errorf("got %d units used and %d held in the middle, want a hold", used, held)
	}
	close(goOn)
	wantRest(t, s, lastChunk)
	if s.Status != http.StatusOK || s.Headers["Content-Type"] != "text/event-stream" {
		t.Errorf("got %d %v, want 200 and the upstream's type", s.Status, s.Headers)
	}
	f.wantUsed(t, 21)
	f.wantLines(t, 1)
}

// The function as make build builds it answers, too.
func TestBuiltFunction(t *testing.T) {
	built := filepath.Join(lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./functions/gateway"), "gateway")
	f := startBinary(t, built, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, completed) })
	wantRest(t, f.ask(t), completed)
	f.wantUsed(t, 21)
}

// wantLines checks that the function has logged so many lines of JSON.
func (f *fixture) wantLines(t *testing.T, want int) {
	t.Helper()
	f.Stop()
	lines := bytes.Split(bytes.TrimSpace(f.Stdout()), []byte("\n"))
	for _, line := range lines {
		if !json.Valid(line) {
			t.Errorf("got log line %q, want JSON", line)
		}
	}
	if len(lines) != want || len(f.Stderr()) > 0 {
		t.Errorf("got %d log lines and %q on stderr, want %d and nothing:\n%s", len(lines), f.Stderr(), want, f.Stdout())
	}
}

// Refusals have the form of the API, and cost nothing.
func TestRefusals(t *testing.T) {
	f := start(t, func(http.ResponseWriter, *http.Request) { t.Error("a refused request reached the upstream") })
	for name, c := range map[string]struct {
		status int
		change func(*urlEvent)
	}{
		"no_key":          {http.StatusUnauthorized, func(e *urlEvent) { delete(e.Headers, "authorization") }},
		"unknown_key":     {http.StatusUnauthorized, func(e *urlEvent) { e.Headers["authorization"] = "Bearer sk-nonsense" }},
		"malformed_path":  {http.StatusBadRequest, func(e *urlEvent) { e.RawPath = "/v1/%zz" }},
		"no_path":         {http.StatusBadRequest, func(e *urlEvent) { e.RawPath = "" }},
		"malformed_body":  {http.StatusBadRequest, func(e *urlEvent) { e.Body, e.IsBase64Encoded = "%", true }},
		"body_not_a_JSON": {http.StatusBadRequest, func(e *urlEvent) { e.Body = "{" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := f.ask(t, c.change)
			text, err := io.ReadAll(s.Body)
			var got struct {
				Error struct{ Message, Type string }
			}
			if err != nil || json.Unmarshal(text, &got) != nil || s.Status != c.status || got.Error.Message == "" {
				t.Errorf("got %d %s, %v, want %d and an error", s.Status, text, err, c.status)
			}
			f.wantUsed(t, 0)
		})
	}
}

// A binary body arrives as the client sent it, and the caller's address is the one
// that Lambda saw.
func TestForwardedRequest(t *testing.T) {
	const here, there = "203.0.113.7", "198.51.100.1"
	f := start(t, func(w http.ResponseWriter, r *http.Request) {
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != hello || r.ContentLength != int64(len(hello)) {
			t.Errorf("upstream got body %q (length %d), %v", got, r.ContentLength, err)
		}
		_, _ = io.WriteString(w, completed)
	}, here)
	s := f.ask(t, func(e *urlEvent) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(hello)), true
	})
	wantRest(t, s, completed)
	f.wantUsed(t, 21)
	s = f.ask(t, func(e *urlEvent) {
		e.RequestContext.HTTP.SourceIP, e.Headers["x-forwarded-for"] = there, there+", "+here // which a caller can send
	})
	if s.Status != http.StatusForbidden {
		t.Errorf("got %d from an address that the key does not allow, want 403", s.Status)
	}
}

// streaming starts the function with an upstream that has sent one piece, and
// sends the rest when goOn is closed, unless the request ends before.
func streaming(t *testing.T) (f *fixture, goOn chan struct{}, over <-chan struct{}) {
	t.Helper()
	goOn = make(chan struct{})
	gone := make(chan struct{}, 10)
	f = start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunk)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-goOn:
			_, _ = io.WriteString(w, lastChunk)
		case <-r.Context().Done():
			gone <- struct{}{}
		}
	})
	return f, goOn, gone
}

// Lambda does not tell the function that its client has left: the request goes on,
// and is charged in full.
func TestClientDisconnects(t *testing.T) {
	f, goOn, _ := streaming(t)
	s := f.ask(t)
	wantChunk(t, s)
	_ = s.Body.Close()
	close(goOn)
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wantUsed(t, 21)
}

// If Lambda can't take the answer, the process settles the request before it ends.
func TestRuntimeAPIFails(t *testing.T) {
	over := make(chan struct{})
	f := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil { // the runtime notices with a later piece
			_, _ = io.WriteString(w, chunk)
			_ = http.NewResponseController(w).Flush()
		}
		close(over)
	})
	s := f.ask(t)
	wantChunk(t, s)
	s.Break()
	<-over // the upstream's answer is not read any more
	if _, err := f.ExitCode(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wantCharged(t)
}

// wantCharged checks that a request that was cut off is charged what was delivered.
func (f *fixture) wantCharged(t *testing.T) {
	t.Helper()
	if used, held := f.usage(t); used == 0 || held != 0 {
		t.Errorf("got %d units used and %d held after the request, want what was delivered and none", used, held)
	}
}

// A request is cut off before the function's deadline and settled, and the process
// goes on.
func TestDeadline(t *testing.T) {
	f, goOn, over := streaming(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	s, err := f.Stream(ctx, f.event(t))
	if err != nil {
		t.Fatal(err)
	}
	wantChunk(t, s)
	wantBrokenOff(t, s)
	<-over
	f.wantCharged(t)
	close(goOn)
	wantRest(t, f.ask(t), chunk+lastChunk)
}

// wantBrokenOff checks that an answer ends with an error.
func wantBrokenOff(t *testing.T, s *lambdatest.Stream) {
	t.Helper()
	var failed *lambdatest.InvocationError
	if rest, err := io.ReadAll(s.Body); !errors.As(err, &failed) {
		t.Errorf("got %q, %v, want an answer that is broken off", rest, err)
	}
}

// An answer that the upstream breaks off does not look complete.
func TestUpstreamBreaksOff(t *testing.T) {
	f := start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunk)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	s := f.ask(t)
	wantChunk(t, s)
	wantBrokenOff(t, s)
	f.wantCharged(t)
}

// A hold whose reservation got no answer is released before the answer ends: Lambda
// freezes the process then.
func TestReleaseInTheBackground(t *testing.T) {
	f := start(t, func(http.ResponseWriter, *http.Request) { t.Error("a refused request reached the upstream") })
	f.engine.Lossy.Store(true)
	s := f.ask(t)
	if _, held := f.usage(t); s.Status != http.StatusServiceUnavailable || held == 0 {
		t.Fatalf("got %d and %d units held, want 503 and a hold that the function does not know of", s.Status, held)
	}
	f.engine.Lossy.Store(false)
	if _, err := io.ReadAll(s.Body); err != nil {
		t.Fatal(err)
	}
	f.wantUsed(t, 0)
}

// A function that can't start says what to do.
func TestWrongEnvironment(t *testing.T) {
	kit := dynamotest.New(t)
	for name, c := range map[string]struct{ set, want string }{
		"no_upstream":       {"UPSTREAM_URL=", "UPSTREAM_URL is not set: set it to the URL of the model API"},
		"upstream_no_URL":   {"UPSTREAM_URL=api.openai.com", "UPSTREAM_URL is not usable"},
		"no_table":          {"TABLE_NAME=", "TABLE_NAME is not set"},
		"unknown_auth":      {"UPSTREAM_AUTH=cookie", "UPSTREAM_AUTH is \"cookie\": set it to one of"},
		"malformed_allow":   {"ALLOW=GET", "ALLOW: \"GET\" is not a method"},
		"malformed_origin":  {"ALLOW_ORIGIN=https://app.example.com/page", "ALLOW_ORIGIN: \"https://app.example.com/page\" is not an origin"},
		"malformed_clamp":   {"CLAMP=perhaps", "CLAMP is \"perhaps\": set it to true or false"},
		"unknown_parameter": {"UPSTREAM_KEY_PARAMETER=/other", "parameter /other with the upstream's key can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			f := lambdatest.Start(t, binary(t), append(environment(kit.Endpoint, "https://api.openai.com", parameterStore(t)), c.set)...)
			code, err := f.ExitCode(t.Context())
			if err != nil || code != 1 || !strings.Contains(string(f.Stderr()), c.want) {
				t.Errorf("got exit code %d, %v, %q, want 1 and %q", code, err, f.Stderr(), c.want)
			}
		})
	}
}
