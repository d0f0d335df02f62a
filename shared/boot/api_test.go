package boot_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// serve returns a handler with all routes of the API, on a new table with the
// tokens of prepare.
func serve(t testing.TB) (lambda.Handler, state) {
	t.Helper()
	kit := dynamotest.New(t)
	services := api.Services{Tokens: &token.Service{Store: kit.Store, Now: time.Now}, Keys: gate.New(dynamo.New(kit.Client, dynamotest.Table)), History: kit.Store, Trail: kit.Store}
	return boot.Handler(api.New(services, quiet(), api.Routes()...), quiet()), prepare(t, kit)
}

// Every request that API Gateway may pass on gets the right status and code, and
// the request id of API Gateway.
func TestAPIBehindHandler(t *testing.T) {
	h, s := serve(t)
	authorized := func(e *event) { e.Headers["authorization"] = s.at.Reveal() }
	base64Body := func(s string) func(*event) {
		return func(e *event) { e.Body, e.IsBase64Encoded = s, true }
	}
	encoded := func(s string) func(*event) { return base64Body(base64.StdEncoding.EncodeToString([]byte(s))) }
	large := `{"name":"` + strings.Repeat("a", 16<<10) + `"}`
	for name, tt := range map[string]struct {
		event  event
		status int
		code   string
	}{
		"200/context_path":         {request("GET", "", authorized, func(e *event) { e.RequestContext.HTTP.Path = "/api/token" }), 200, ""},
		"200/no_leading_slash":     {request("GET", "api/token/2", authorized), 200, ""},
		"200/encoded_body_unread":  {request("GET", "/api/token/2", authorized, base64Body("%")), 200, ""},
		"201/encoded_body":         {request("POST", "/api/token", authorized, encoded(`{"name":"a"}`)), 201, ""},
		"400/percent":              {request("GET", "/api/token/%", authorized), 400, "invalid_parameter"},
		"400/question_mark":        {request("GET", "/api/token/?p=2", authorized), 400, "invalid_parameter"},
		"400/space":                {request("GET", "/api/token/ ", authorized), 400, "invalid_parameter"},
		"400/replaced_bytes":       {request("GET", "/api/token/\xff", authorized), 400, "invalid_parameter"},
		"400/broken_base64":        {request("POST", "/api/token", authorized, base64Body("eyJ%")), 400, "invalid_json"},
		"400/cut_base64":           {request("POST", "/api/token", authorized, base64Body("eyJuYW1lIjoiYSJ9e")), 400, "invalid_json"},
		"401/no_access_token":      {request("GET", "/api/token"), 401, "unauthorized"},
		"401/before_broken_base64": {request("POST", "/api/token", base64Body("%")), 401, "unauthorized"},
		"404/two_slashes":          {request("GET", "//api/token", authorized), 404, "route_not_found"},
		"404/absolute_url":         {request("GET", "https://api.test/api/token", authorized), 404, "route_not_found"},
		"404/no_path":              {request("GET", "", authorized), 404, "route_not_found"},
		"405/no_method":            {request("", "/api/token", authorized), 405, "method_not_allowed"},
		"405/malformed_method":     {request("GE T\n", "/api/token", authorized), 405, "method_not_allowed"},
		"405/lower_case":           {request("get", "/api/token", authorized), 405, "method_not_allowed"},
		"413/plain":                {request("POST", "/api/token", authorized, func(e *event) { e.Body = large }), 413, "body_too_large"},
		"413/encoded":              {request("POST", "/api/token", authorized, encoded(large)), 413, "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := invoke(t, h, payload(t, tt.event))
			if got := code(t, answer); answer.StatusCode != tt.status || got != tt.code {
				t.Errorf("got %d %s, want %d %s: %s", answer.StatusCode, got, tt.status, tt.code, answer.Body)
			}
			if got, want := answer.Headers["X-Request-Id"], tt.event.RequestContext.RequestID; got != want {
				t.Errorf("got request id %q, want the gateway's %q", got, want)
			}
		})
	}
}

type foreignPayload struct {
	payload string
	want    int
}

// foreignPayloads are payloads that API Gateway does not send, and the status of
// the answer. It is 404 if the payload can be read as a request without a path.
func foreignPayloads() []foreignPayload {
	return []foreignPayload{
		{"", 500},
		{"{", 500},
		{"null", 404},
		{"{}", 404},
		{"[]", 500},
		{`"hello"`, 500},
		{"\xff\xfe", 500},
		{`{"rawPath":5}`, 500},
		{`{"rawPath":"/api/token","headers":{"authorization":["a","b"]}}`, 500},
		{`{"version":"1.0","path":"/api/token","httpMethod":"GET","requestContext":{"requestId":"1"}}`, 404},
		{`{"Records":[{"eventSource":"aws:dynamodb"}]}`, 404},
		{strings.Repeat("[", 100_000), 500},
	}
}

// A payload that is not an event of API Gateway gets an answer, too.
func TestHandlerWithForeignPayload(t *testing.T) {
	h, _ := serve(t)
	for _, tt := range foreignPayloads() {
		if got := invoke(t, h, []byte(tt.payload)).StatusCode; got != tt.want {
			t.Errorf("got %d, want %d for %.80q", got, tt.want, tt.payload)
		}
	}
}

// The request id is API Gateway's, or Lambda's if API Gateway's is missing or
// malformed.
func TestRequestID(t *testing.T) {
	h, _ := serve(t)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8f5e-lambda"})
	for gateway, want := range map[string]string{
		"JKJaXmPLvHcESHA=": "JKJaXmPLvHcESHA=",
		"":                 "8f5e-lambda",
		"forged\r\nline":   "8f5e-lambda",
	} {
		e := request("GET", "/")
		e.RequestContext.RequestID = gateway
		got, err := h.Invoke(ctx, payload(t, e))
		if err != nil {
			t.Fatalf("got error %v, want an answer", err)
		}
		if got := checkEnvelope(t, got).Headers["X-Request-Id"]; got != want {
			t.Errorf("got request id %q for the gateway's %q, want %q", got, gateway, want)
		}
	}
}
