package costtest_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An operation is a request whose cost is measured.
type operation struct {
	name         string
	method, path string
	body         string
	withKey      bool // the credential is the key of a token; otherwise a user's access token
	// before are requests that prepare one; {n} in them and in the operation is another
	// text each time.
	before []operation
}

const settings = `{"name":"production-app","remain_quota":100000,"expired_time":4102444800,"model_limits_enabled":true,"model_limits":"gpt-4o,claude-3-5-sonnet"}`

// operations returns the operations in the order in which they are listed.
func operations() []operation {
	reserve := operation{method: "POST", path: "/api/token/reserve", body: `{"quota":9,"model":"gpt-4o","request_id":"hold-0123456789abcdefg-{n}"}`, withKey: true}
	create := operation{method: "POST", path: "/api/token", body: settings}
	return []operation{
		{name: "list the newest 10 of 1,000", method: "GET", path: "/api/token"},
		{name: "get", method: "GET", path: "/api/token/7"},
		{name: "create", method: "POST", path: "/api/token", body: settings},
		{name: "update", method: "PUT", path: "/api/token", body: `{"id":7,"name":"renamed {n}"}`},
		{name: "rotate", method: "POST", path: "/api/token/7/rotate", body: `{}`},
		{name: "delete", method: "DELETE", path: "/api/token/{new}", before: []operation{create}},
		{name: "search", method: "GET", path: "/api/token/search?keyword=production"},
		{name: "check", method: "POST", path: "/api/token/verify", body: `{"model":"gpt-4o"}`, withKey: true},
		{name: "spend", method: "POST", path: "/api/token/verify", body: `{"quota":1,"model":"gpt-4o"}`, withKey: true},
		{name: "reserve", method: reserve.method, path: reserve.path, body: reserve.body, withKey: true},
		{name: "settle", method: "POST", path: "/api/token/settle", body: `{"quota":4,"request_id":"hold-0123456789abcdefg-{n}"}`, withKey: true, before: []operation{reserve}},
		{name: "release", method: "POST", path: "/api/token/release", body: `{"request_id":"hold-0123456789abcdefg-{n}"}`, withKey: true, before: []operation{reserve}},
		{name: "usage of the key", method: "GET", path: "/api/usage/token", withKey: true},
	}
}

// A world is a user with 1,000 tokens, and the API in front of them.
type world struct {
	tape     *tape
	kit      *dynamotest.Kit
	handler  lambda.Handler
	log      bytes.Buffer // the line of the last request
	access   string
	key      string
	requests int // so far
	newest   int // id of a token
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{tape: new(tape)}
	w.kit = dynamotest.New(t, w.tape.configure)
	tenant := w.kit.Tenant(t, "cost")
	services := api.Services{Tokens: tenant.Service, Keys: gate.New(w.kit.Store, gate.WithClock(tenant.Clock.Now)), History: w.kit.Store, Trail: w.kit.Store}
	log := slog.New(slog.NewJSONHandler(&w.log, nil))
	w.handler, w.access = boot.Handler(api.New(services, log, api.Routes()...), log), tenant.Access.Reveal()
	for range 1_000 / token.MaxBatch {
		all := make([]token.Settings, token.MaxBatch)
		for i := range all {
			all[i] = token.Settings{Name: new("production-app"), RemainQuota: new(int64(100_000)), Models: []string{"gpt-4o", "claude-3-5-sonnet"}}
		}
		made, err := tenant.Service.Create(t.Context(), tenant.Access, all, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.key = made[0].Key.Reveal()
		tenant.Clock.Advance(600) // creates are paced
	}
	return w
}

// prepare makes the requests before one and returns its event.
func (w *world) prepare(t testing.TB, o operation) []byte {
	t.Helper()
	w.requests++
	for _, b := range o.before {
		w.send(t, w.event(t, b))
	}
	return w.event(t, o)
}

func (w *world) event(t testing.TB, o operation) []byte {
	t.Helper()
	fill := strings.NewReplacer("{n}", strconv.Itoa(1000+w.requests), "{new}", strconv.Itoa(w.newest))
	path, query, _ := strings.Cut(fill.Replace(o.path), "?")
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: path, RawQueryString: query, Body: fill.Replace(o.body),
		Headers: map[string]string{"authorization": "Bearer " + w.access, "content-type": "application/json", "host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"},
	}
	if o.withKey {
		e.Headers["authorization"] = "Bearer " + w.key
	}
	e.RequestContext.RequestID = "axkOPS6omnHSHIo="
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP = o.method, path, "203.0.113.7"
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// send sends an event to the API, which must answer it with a success, and returns the
// answer.
func (w *world) send(t testing.TB, event []byte) []byte {
	t.Helper()
	w.log.Reset()
	answer, err := w.handler.Invoke(t.Context(), event)
	var got events.APIGatewayV2HTTPResponse
	if err == nil {
		err = json.Unmarshal(answer, &got)
	}
	if err != nil || got.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s: got %s, %v, want a success", event, answer, err)
	}
	var made struct{ Data struct{ ID int } }
	if got.StatusCode == http.StatusCreated && json.Unmarshal([]byte(got.Body), &made) == nil {
		w.newest = made.Data.ID
	}
	return answer
}
