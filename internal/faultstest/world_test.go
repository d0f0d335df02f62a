package faultstest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A world is an engine with its stream, and a service without faults.
type world struct {
	*dynamotest.Kit
	adding sync.Mutex // creates of users at the same time can be in each other's way
	users  *token.UserService
	direct http.Handler
	hook   string // URL of a receiver of webhooks
	reader *stream.Reader
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, dynamotest.New(t))
}

func worldOf(t *testing.T, kit *dynamotest.Kit) *world {
	t.Helper()
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	return &world{
		Kit: kit, users: &token.UserService{Store: kit.Store, Now: time.Now}, direct: apitest.Handler(kit, io.Discard),
		hook: receiver.URL, reader: stream.New(kit.Client, dynamotest.Table),
	}
}

// through returns the URL of the API whose calls pass the faults.
func (w *world) through(t *testing.T, faults *dynamotest.Faults) (url string) {
	t.Helper()
	return w.serve(t, dynamotest.ProductClient(faults.Listen(t, w.Endpoint)), time.Now)
}

// serve returns the URL of the API with a client of the table, as a process that has just
// started.
func (w *world) serve(t *testing.T, client *dynamodb.Client, now func() time.Time) (url string) {
	t.Helper()
	server := httptest.NewServer(apitest.HandlerWith(w.with(client), io.Discard, webhook.Rules{Loopback: true}, now))
	t.Cleanup(server.Close)
	return server.URL
}

// with returns the kit with another client.
func (w *world) with(client *dynamodb.Client) *dynamotest.Kit {
	kit := *w.Kit
	kit.Client = client
	kit.Store = dynamo.New(kit.Client, dynamotest.Table)
	return &kit
}

// hold is the request ID of the hold that each user has.
const hold = "hold-0123456789abcdefgh"

// A user is one tenant with the same five tokens as every other: with a quota of
// 1,000 units, with limits, disabled, with a hold of 40 units, and unlimited. It
// also has a webhook.
type user struct {
	world  *world
	id     int64
	name   string
	access string
	keys   []string // of the tokens 1 to 5
}

// budget is what a user with a wallet may spend.
const budget = 6400

func (w *world) user(t *testing.T, name string, wallet bool) *user {
	t.Helper()
	w.adding.Lock()
	made, at, err := w.users.Create(context.Background(), name, token.RoleUser, 0)
	if err == nil {
		_, err = w.users.SetLimits(context.Background(), name, dynamotest.RemoveLimits)
	}
	if err == nil && wallet {
		_, err = w.users.SetBudget(context.Background(), name, &token.Budget{Units: budget}, func(int64, int64) {})
	}
	w.adding.Unlock()
	if err != nil {
		t.Errorf("create user %s: %v", name, err)
	}
	u := &user{world: w, id: made.ID, name: name, access: at.Reveal()}
	tokens := u.must(t, u.as(http.MethodPost, wire.BatchCreatePath, `{"tokens":[
		{"name":"plain","remain_quota":1000},
		{"name":"limits","unlimited_quota":true,"windows":[{"period":"5h","quota":500}],"model_quotas":[{"model":"m*","quota":300}],"requests_per_minute":1000},
		{"name":"off","remain_quota":10,"status":2},
		{"name":"holding","remain_quota":1000},
		{"name":"unlimited","unlimited_quota":true}]}`))
	for _, made := range decode[wire.Tokens](t, tokens).Items {
		u.keys = append(u.keys, made.Key)
	}
	if len(u.keys) != 5 {
		t.Fatalf("create the tokens of %s: %d %s", name, tokens.status, masked(tokens.body))
	}
	u.must(t, u.key(4, wire.ReservePath, `{"quota":40,"request_id":"`+hold+`"}`))
	u.must(t, u.as(http.MethodPost, wire.WebhooksPath, `{"url":"`+w.hook+`"}`))
	return u
}

// A request of the API.
type request struct {
	method, path, body, bearer string
	headers                    map[string]string
}

// as returns a request with the user's access token.
func (u *user) as(method, path, body string) request {
	return request{method: method, path: path, body: body, bearer: u.access}
}

// key returns a request with the key of a token.
func (u *user) key(id int, path, body string) request {
	return request{method: http.MethodPost, path: path, body: body, bearer: u.keys[id-1]}
}

// once returns the request with an Idempotency-Key.
func (r request) once() request { return r.with("Idempotency-Key", "once") }

func (r request) with(name, value string) request {
	r.headers = map[string]string{name: value}
	return r
}

// An answer of the API.
type answer struct {
	status int
	body   string
	took   time.Duration
}

// send sends a request to the server at a URL.
func (r request) send(url string) (answer, error) {
	started := time.Now()
	in, err := r.http(url)
	if err != nil {
		return answer{}, err
	}
	out, err := http.DefaultClient.Do(in)
	if err != nil {
		return answer{}, err
	}
	defer out.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(out.Body)
	return answer{out.StatusCode, string(body), time.Since(started)}, err
}

func (r request) http(url string) (*http.Request, error) {
	in, err := http.NewRequestWithContext(context.Background(), r.method, url+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	in.Header.Set("Authorization", "Bearer "+r.bearer)
	in.Header.Set("Content-Type", "application/json")
	for name, value := range r.headers {
		in.Header.Set(name, value)
	}
	return in, nil
}

// do sends a request to the service without faults.
func (u *user) do(r request) answer {
	in, err := r.http("http://latchkey")
	if err != nil {
		return answer{body: err.Error()}
	}
	out := httptest.NewRecorder()
	u.world.direct.ServeHTTP(out, in)
	return answer{status: out.Code, body: out.Body.String()}
}

// must is do for a request that succeeds.
func (u *user) must(t *testing.T, r request) answer {
	t.Helper()
	a := u.do(r)
	if a.status/100 != 2 {
		t.Errorf("%s: %s %s: %d %s", u.name, r.method, r.path, a.status, masked(a.body))
	}
	return a
}

// fold adds all changes since the last call to the histories.
func (w *world) fold(t *testing.T) {
	t.Helper()
	records, err := w.reader.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, err := w.Store.Fold(t.Context(), records, time.Now().Unix())
	if err != nil || done.Unreadable != 0 {
		t.Fatalf("fold: %+v, %v", done, err)
	}
}

// path returns the path of a token, or one below it.
func path(pattern string, id int) string {
	return strings.Replace(pattern, wire.IDParameter, fmt.Sprint(id), 1)
}
