package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/functions/console/web"
	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/gatewaytest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A service is the whole service, as tokenctl serves it over HTTP and as functions
// serve it from events of API Gateway. At the end of the test no answer to an attack
// and no log line has a secret in any form.
type service struct {
	urls    map[string]string // by the way that requests take
	users   *token.UserService
	calls   *dynamotest.CallRecorder
	log     *capture.Output
	answers *capture.Output
	secrets capture.Secrets
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{calls: new(dynamotest.CallRecorder), log: new(capture.Output), answers: new(capture.Output), secrets: capture.Secrets{}}
	kit := dynamotest.New(t, s.calls.Configure)
	s.users = &token.UserService{Store: kit.Store, Now: time.Now}
	handler := apitest.HandlerWith(kit, s.log, webhook.Rules{}, time.Now, web.Pages()...)
	direct, events := httptest.NewServer(handler), httptest.NewServer(fromEvents(t, handler))
	s.urls = map[string]string{"http": direct.URL, "events": events.URL}
	t.Cleanup(func() {
		direct.Close()
		events.Close()
		for place, text := range map[string]string{"an answer": s.answers.String(), "the log": s.log.String()} {
			for _, leak := range s.secrets.Find(text) {
				t.Errorf("%s has the %s", place, leak)
			}
		}
	})
	return s
}

// fromEvents makes each request an event of API Gateway, and the answer to it that of
// the request.
func fromEvents(t *testing.T, next http.Handler) http.Handler {
	t.Helper()
	function := boot.Handler(next, slog.New(slog.DiscardHandler))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := gatewaytest.Event(r, "$default", nil)
		var answer []byte
		if err == nil {
			answer, err = function.Invoke(r.Context(), event)
		}
		if err == nil {
			err = gatewaytest.Answer(w, answer)
		}
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
	})
}

// user makes a user and returns its name and access token.
func (s *service) user(t *testing.T, role token.Role) (name, accessToken string) {
	t.Helper()
	name = fmt.Sprintf("user-%d", len(s.secrets))
	_, at, err := s.users.Create(t.Context(), name, role, 0)
	if err == nil {
		_, err = s.users.SetLimits(t.Context(), name, dynamotest.RemoveLimits)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.secrets["access token of "+name] = at.Reveal()
	return name, at.Reveal()
}

type answer struct {
	status int
	header http.Header
	body   string
}

// prepare sends a request that is no attack and must succeed.
func (s *service) prepare(t *testing.T, method, path, credential, body string) string {
	t.Helper()
	got := send(t, s.urls["http"], method, path, body, "Authorization", "Bearer "+credential)
	if got.status > http.StatusCreated {
		t.Fatalf("%s %s: got %d %s", method, path, got.status, got.body)
	}
	if secret := capture.FindCredential(got.body); secret != "" {
		s.secrets[fmt.Sprintf("secret %d", len(s.secrets))] = secret
	}
	return got.body
}

// attack sends a request and keeps its answer for the search for secrets.
func (s *service) attack(t *testing.T, url, method, path, body string, headers ...string) answer {
	t.Helper()
	got := send(t, url, method, path, body, headers...)
	_, _ = fmt.Fprintln(s.answers, got.header, got.body)
	return got
}

// send sends a request. Headers are alternating names and values, each of which is added.
func send(t *testing.T, url, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	response, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}

// each runs a test over both ways to the service.
func (s *service) each(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	for way, url := range s.urls {
		t.Run(way, func(t *testing.T) { run(t, url) })
	}
}

// What an endpoint asks for.
const (
	public = "public" // nothing
	byKey  = "key"
	byUser = "access token"
)

// asksFor returns which credential an endpoint asks for.
func asksFor(e api.Endpoint) string {
	switch e.Name {
	case "status", "revoke":
		return public
	case "verify", "reserve", "settle", "release", "usage", "keyhistory":
		return byKey
	default:
		return byUser
	}
}

// bodyFor returns a body that an endpoint accepts if id is that of an object.
func bodyFor(e api.Endpoint, id string) string {
	switch e.Name {
	case "update":
		return `{"id":` + id + `,"name":"taken over"}`
	case "batchdelete", "keys":
		return `{"ids":[` + id + `]}`
	case "batchstatus":
		return `{"ids":[` + id + `],"status":2}`
	case "create":
		return `{"name":"new"}`
	case "batchcreate":
		return `{"tokens":[{"name":"new"}]}`
	case "createwebhook":
		return `{"url":"https://example.com/"}`
	case "updatewebhook":
		return `{"status":2}`
	case "extra":
		return fmt.Sprintf(`{"units":5,"until":%d}`, time.Now().Add(time.Hour).Unix())
	case "verify", "reserve":
		return `{"quota":5}`
	case "settle":
		return `{"request_id":"0123456789abcdefghijklmn","quota":1}`
	case "release":
		return `{"request_id":"0123456789abcdefghijklmn"}`
	case "revoke", "rotate", "rotatewebhook", "testwebhook", "key":
		return `{}`
	default:
		return ""
	}
}
