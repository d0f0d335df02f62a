package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
)

// A receiver notes the events of webhooks that the secret has signed. It answers the
// first request with a status of its own.
type receiver struct {
	first  int
	mu     sync.Mutex
	secret string
	calls  int
	seen   map[string]string // types, by the id of the event
	broken []error
}

func newReceiver(t *testing.T, first int) (*receiver, string) {
	t.Helper()
	r := &receiver{first: first, seen: map[string]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server.URL + "/hook"
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, _ := io.ReadAll(in.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.calls == 1 && r.first != 0 {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.first)
		return
	}
	e, err := client.VerifyWebhook([]string{r.secret}, in.Header, body, time.Now())
	if err != nil {
		r.broken = append(r.broken, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.seen[e.ID] = string(e.Type)
	w.WriteHeader(http.StatusNoContent)
}

// has reports whether it has got one event of each of these types and no others.
func (r *receiver) has(types ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := map[string]int{}
	for _, kind := range r.seen {
		got[kind]++
	}
	for _, kind := range types {
		if got[kind] != 1 {
			return false
		}
	}
	return len(got) == len(types)
}

// serveTo starts a server that sends webhooks to a receiver.
func serveTo(t *testing.T, dir string, r *receiver, url string) *tokenctltest.Server {
	t.Helper()
	s := tokenctltest.Serve(t, anyPort(dir), "--webhook", url)
	found := regexp.MustCompile(`Webhook: +(\S+) \(events of demo, signed with (whsec_\S+)\)`).FindStringSubmatch(s.Stdout.String())
	if found == nil || found[1] != url {
		t.Fatalf("got %s, want the webhook and its secret", s.Stdout)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = found[2]
	return s
}

// What the API changes arrives at the receiver, signed, also if that is down, busy or
// redirects at first. A second start has the same webhook.
func TestServeWebhook(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"up": 0, "down_at_first": http.StatusBadGateway, "busy_at_first": http.StatusTooManyRequests, "redirects_at_first": http.StatusFound} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, url := newReceiver(t, status)
			dir := t.TempDir()
			s := serveTo(t, dir, r, url)
			change(t, s, http.MethodPost, "/api/token/", `{"name":"first"}`)
			change(t, s, http.MethodDelete, "/api/token/1", "")
			tokenctltest.Eventually(t, "the events arrive", func() bool { return r.has("token.created", "token.deleted") })
			before := r.secret
			if code := s.End(t, syscall.SIGTERM); code != 0 {
				t.Errorf("got exit %d, want 0; stderr: %s", code, s.Stderr)
			}
			again := serveTo(t, dir, r, url)
			if _, body := tokenctltest.Send(t, http.MethodGet, again.URL+"/api/user/self/webhooks", again.AccessToken, ""); strings.Count(body, `"url"`) != 1 || r.secret != before {
				t.Errorf("got %s after another start, want one webhook with the same secret", body)
			}
			if len(r.broken) > 0 {
				t.Errorf("requests were not valid: %v", r.broken)
			}
		})
	}
}

// A receiver that answers 410 gets nothing more.
func TestServeWebhookGone(t *testing.T) {
	t.Parallel()
	r, url := newReceiver(t, http.StatusGone)
	s := serveTo(t, t.TempDir(), r, url)
	change(t, s, http.MethodPost, "/api/token/", `{"name":"first"}`)
	tokenctltest.Eventually(t, "the webhook is disabled", func() bool {
		_, body := tokenctltest.Send(t, http.MethodGet, s.URL+"/api/user/self/webhooks", s.AccessToken, "")
		return strings.Contains(body, `"gone"`)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls != 1 {
		t.Errorf("got %d calls, want one", r.calls)
	}
}

func change(t *testing.T, s *tokenctltest.Server, method, path, body string) {
	t.Helper()
	if status, answer := tokenctltest.Send(t, method, s.URL+path, s.AccessToken, body); status >= http.StatusBadRequest {
		t.Fatalf("%s %s: got %d %s", method, path, status, answer)
	}
}

// A URL that can't be a webhook is refused before anything starts.
func TestServeWebhookRefuses(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{"--webhook", ""}, {"--webhook", "http://example.com/"}, {"--webhook", "ftp://127.0.0.1/"}, {"--webhook", "http://127.0.0.1:1/", "--endpoint", "http://127.0.0.1:1"}} {
		dir := t.TempDir()
		result := tokenctltest.Run(t, anyPort(dir+"/new"), append([]string{"serve"}, flags...)...)
		if text := fmt.Sprint(result); !strings.Contains(text, "--webhook") {
			t.Errorf("%v: got %s, want an error about --webhook", flags, text)
		}
	}
}

// A receiver that never answers delays neither another webhook nor the end of the server.
func TestServeWebhookHangs(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}, 100), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		_, _ = io.Copy(io.Discard, in.Body)
		begun <- struct{}{}
		select {
		case <-in.Context().Done():
		case <-end:
		}
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(end) })
	r, url := newReceiver(t, 0)
	dir := t.TempDir()
	serveTo(t, dir, r, url).End(t, syscall.SIGTERM)
	s := tokenctltest.Serve(t, anyPort(dir), "--webhook", hanging.URL)
	change(t, s, http.MethodPost, "/api/token/", `{"name":"first"}`)
	change(t, s, http.MethodDelete, "/api/token/1", "")
	tokenctltest.Eventually(t, "the events arrive", func() bool { return r.has("token.created", "token.deleted") })
	<-begun
	if log := s.Stderr.String(); strings.Contains(log, `"timeout"`) {
		t.Errorf("the events arrived after the other receiver had its time: %s", log)
	}
	started := time.Now()
	if code := s.End(t, syscall.SIGTERM); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, s.Stderr)
	}
	if took := time.Since(started); took > 10*time.Second { // an attempt may take 15 s
		t.Errorf("the server ended after %s", took)
	}
}
