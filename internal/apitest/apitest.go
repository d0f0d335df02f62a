// Package apitest tests a server of the API: a suite of
// requests and the exact answers they must get. Run runs it against any server:
// the local one, or the functions behind a gateway. Serve and Start run a local
// server with a real engine.
package apitest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Target is a server under test, with the service that creates its users.
// Requests through User and Do, and their answers, must match the OpenAPI
// document. At the end of the test no answer and no log line may show a secret.
type Target struct {
	URL   string
	Users *token.UserService

	transcript *transcript
}

// NewTarget returns a target for the server at a URL.
func NewTarget(t testing.TB, url string, accounts *token.UserService) *Target {
	t.Helper()
	document, err := openapitest.Load()
	if err != nil {
		t.Fatalf("load the OpenAPI document: %v", err)
	}
	target := &Target{url, accounts, &transcript{document: document}}
	t.Cleanup(func() { target.transcript.check(t) })
	return target
}

// Serve runs the API in this process until the end of the test, with an engine
// of its own.
func Serve(t testing.TB, tweaks ...func(*dynamodb.Options)) (*Target, *dynamotest.Kit) {
	t.Helper()
	kit := dynamotest.New(t, tweaks...)
	target := NewTarget(t, "", &token.UserService{Store: kit.Store, Now: time.Now})
	server := httptest.NewServer(Handler(kit, target.transcript))
	t.Cleanup(server.Close)
	target.URL = server.URL
	return target, kit
}

// A User is a user with an access token, and a client with that token.
type User struct {
	*client.Client
	Name        string
	ID          int64
	AccessToken string
	target      *Target
}

// User creates a user without limits.
func (target *Target) User(t testing.TB, role token.Role) *User {
	t.Helper()
	name := "user-" + strings.ToLower(rand8())
	u, at, err := target.Users.Create(t.Context(), name, role, 0)
	if err == nil {
		_, err = target.Users.SetLimits(t.Context(), name, dynamotest.RemoveLimits)
	}
	if err != nil {
		t.Fatalf("create a user: %v", err)
	}
	target.transcript.addSecret(at.Reveal())
	return &User{client.New(target.URL, at.Reveal(), client.WithHTTPClient(&http.Client{Transport: target.transcript})), name, u.ID, at.Reveal(), target}
}

// A Response is an answer with its whole body.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request with the user's access token. Headers are alternating
// names and values; they replace the usual ones, and an empty value removes one.
func (u *User) Do(t testing.TB, method, path, body string, headers ...string) Response {
	t.Helper()
	return u.target.Do(t, method, path, body, append([]string{"Authorization", "Bearer " + u.AccessToken, "Content-Type", "application/json"}, headers...)...)
}

// emptyValue stands for the empty value of a header.
const emptyValue = "(empty)"

// Do sends a request. Headers are alternating names and values.
func (target *Target) Do(t testing.TB, method, path, body string, headers ...string) Response {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, target.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		if r.Header.Del(pair[0]); pair[1] != "" {
			r.Header.Set(pair[0], strings.TrimPrefix(pair[1], emptyValue))
		}
	}
	report := func(mismatch string) { t.Errorf(mismatchFormat, mismatch) }
	answer, err := (&http.Client{Transport: reporter{target.transcript, report}}).Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return Response{answer.StatusCode, answer.Header, string(content)}
}
