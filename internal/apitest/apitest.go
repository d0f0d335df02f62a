// Package apitest holds the API's contract as a suite of requests and
// answers. Run plays it against any server of the API: the local one, or the
// functions behind a gateway. Serve makes a local one with the real engine.
package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Target is a server of the API, and the operator's way to its users. All
// that is asked of it through User and Do, and what it answers, is held to the
// API's document, and searched for secrets at the test's end.
type Target struct {
	URL   string
	Users *token.UserService

	transcript *transcript
}

// NewTarget is a target at a URL.
func NewTarget(t testing.TB, url string, accounts *token.UserService) *Target {
	t.Helper()
	document, err := openapitest.Load()
	if err != nil {
		t.Fatalf("the API's document: %v", err)
	}
	target := &Target{url, accounts, &transcript{document: document}}
	t.Cleanup(func() { target.transcript.check(t) })
	return target
}

// Serve runs the API in this process, on an engine of its own.
func Serve(t testing.TB, tweaks ...func(*dynamodb.Options)) (*Target, *dynamotest.Kit) {
	t.Helper()
	kit := dynamotest.New(t, tweaks...)
	target := NewTarget(t, "", &token.UserService{Store: kit.Store, Now: time.Now})
	services := api.Services{Tokens: &token.Service{Store: kit.Store, Now: time.Now}, Keys: gate.New(dynamo.New(kit.Client, dynamotest.Table))}
	server := httptest.NewServer(api.New(services, slog.New(slog.NewJSONHandler(target.transcript, nil)), api.Routes()...))
	t.Cleanup(server.Close)
	target.URL = server.URL
	return target, kit
}

// A User is a user with an access token, and a client that uses it.
type User struct {
	*client.Client
	Name        string
	ID          int64
	AccessToken string
	target      *Target
}

// User makes a user without limits.
func (target *Target) User(t testing.TB, role token.Role) *User {
	t.Helper()
	name := "user-" + strings.ToLower(rand8())
	u, at, err := target.Users.Create(t.Context(), name, role, 0)
	if err == nil {
		_, err = target.Users.SetLimits(t.Context(), name, dynamotest.Unlimit)
	}
	if err != nil {
		t.Fatalf("make a user: %v", err)
	}
	target.transcript.keep(at.Reveal())
	return &User{client.New(target.URL, at.Reveal(), client.WithHTTPClient(&http.Client{Transport: target.transcript})), name, u.ID, at.Reveal(), target}
}

// A Response is an answer, read.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request as the user; a header that is given replaces the usual
// one, and an empty value leaves it out.
func (u *User) Do(t testing.TB, method, path, body string, headers ...string) Response {
	t.Helper()
	return u.target.Do(t, method, path, body, append([]string{"Authorization", "Bearer " + u.AccessToken, "Content-Type", "application/json"}, headers...)...)
}

// Do sends a request with headers, given as names and values in turn.
func (target *Target) Do(t testing.TB, method, path, body string, headers ...string) Response {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, target.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		if r.Header.Del(pair[0]); pair[1] != "" {
			r.Header.Set(pair[0], pair[1])
		}
	}
	unlike := func(news string) { t.Errorf("shared/api/openapi.yaml does not have it so: %s", news) } // of this test
	answer, err := (&http.Client{Transport: listener{target.transcript, unlike}}).Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return Response{answer.StatusCode, answer.Header, string(content)}
}

// A transcript keeps every answer and log line, and every secret that was
// made, to search the ones for the others; and whatever is not as the API's
// document has it.
type transcript struct {
	document *openapitest.Document
	mu       sync.Mutex
	log      bytes.Buffer
	answers  []string // without those that may show a key
	secrets  []string
	news     []string // to the document
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.log.Write(p)
}

func (tr *transcript) keep(secret string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.secrets = append(tr.secrets, secret)
}

// RoundTrip notes the answer, and what is not as the document has it.
func (tr *transcript) RoundTrip(r *http.Request) (*http.Response, error) {
	return tr.roundTrip(r, func(news string) { tr.news = append(tr.news, news) })
}

// A listener is a transcript that tells somebody what is not as the document
// has it.
type listener struct {
	*transcript
	unlike func(news string)
}

// RoundTrip implements http.RoundTripper.
func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	return l.roundTrip(r, l.unlike)
}

// roundTrip notes the answer. Only a creation or a rotation may show a key.
func (tr *transcript) roundTrip(r *http.Request, unlike func(news string)) (*http.Response, error) {
	sent, err := read(r)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(content))
	if err != nil {
		return answer, err
	}
	broken := tr.document.Check(openapitest.Exchange{Request: r, Sent: sent, Status: answer.StatusCode, Header: answer.Header, Body: content})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if broken != nil {
		unlike(credential.Redact(broken.Error()))
	}
	if r.Method == http.MethodPost && (answer.StatusCode == http.StatusCreated || strings.Contains(r.URL.Path, "/rotate")) {
		for _, key := range capture.Credentials(string(content)) {
			tr.secrets = append(tr.secrets, key)
			content = bytes.ReplaceAll(content, []byte(key), nil)
		}
	}
	tr.answers = append(tr.answers, fmt.Sprint(answer.Header, string(content)))
	return answer, err
}

// read reads a request's body and leaves it to be read.
func read(r *http.Request) ([]byte, error) {
	if r.GetBody == nil {
		return nil, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // it is in memory
	return io.ReadAll(body)
}

func (tr *transcript) check(t testing.TB) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	const shown = 10
	for i, news := range tr.news {
		if i == shown {
			t.Errorf("… and %d more that is not in shared/api/openapi.yaml", len(tr.news)-shown)
			break
		}
		t.Errorf("shared/api/openapi.yaml does not have it so: %s", news)
	}
	said := strings.Join(tr.answers, "\n")
	for _, secret := range tr.secrets {
		if strings.Contains(tr.log.String(), secret) {
			t.Errorf("the log shows the secret %s", credential.NewSecret(secret))
		}
		if strings.Contains(said, secret) {
			t.Errorf("an answer shows the secret %s", credential.NewSecret(secret))
		}
	}
	if found := capture.Credential(said + tr.log.String()); found != "" {
		t.Errorf("an answer or the log shows a credential, %s", credential.NewSecret(found))
	}
}
