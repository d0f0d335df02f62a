package boot_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/boot"
)

// An event is the payload of a request.
type event = events.APIGatewayV2HTTPRequest

func request(method, path string, edits ...func(*event)) event {
	var e event
	e.Version = "2.0"
	e.RawPath = path
	e.RequestContext.HTTP.Method = method
	e.RequestContext.RequestID = "JKJaXmPLvHcESHA="
	e.RequestContext.DomainName = "api.test"
	e.Headers = map[string]string{}
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

func payload(t testing.TB, e event) []byte {
	t.Helper()
	p, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// invoke sends a payload and fails the test unless the answer is in its
// envelope.
func invoke(t testing.TB, h lambda.Handler, payload []byte) events.APIGatewayV2HTTPResponse {
	t.Helper()
	got, err := h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatalf("got invocation error %v, want an answer, for %q", err, payload)
	}
	return checkEnvelope(t, got)
}

// checkEnvelope fails the test unless status, headers and body of an answer agree.
// The usage of a key has the envelope of New API, in which code is true on
// success.
func checkEnvelope(t testing.TB, got []byte) (answer events.APIGatewayV2HTTPResponse) {
	t.Helper()
	var body struct {
		Success   *bool   `json:"success"`
		Message   *string `json:"message"`
		Code      any     `json:"code"`
		RequestID string  `json:"request_id"`
	}
	if err := json.Unmarshal(got, &answer); err != nil {
		t.Fatalf("the answer is not JSON: %v: %q", err, got)
	}
	if err := json.Unmarshal([]byte(answer.Body), &body); err != nil {
		t.Fatalf("the body is not JSON: %v: %q", err, got)
	}
	failed := answer.StatusCode >= http.StatusBadRequest
	hasCode := body.Code != nil && body.Code != ""
	switch {
	case answer.StatusCode < http.StatusOK || answer.StatusCode > 599:
		t.Errorf("got status %d, want 200 to 599", answer.StatusCode)
	case body.Code == true && body.Message != nil && !failed:
	case body.Success == nil || body.Message == nil:
		t.Errorf("got body %s, want the fields success and message", answer.Body)
	case *body.Success == failed || failed != hasCode || failed == (*body.Message == ""):
		t.Errorf("got status %d with body %s, want them to agree", answer.StatusCode, answer.Body)
	case failed && body.RequestID != answer.Headers["X-Request-Id"]:
		t.Errorf("got request id %q in the body, %q in the header", body.RequestID, answer.Headers["X-Request-Id"])
	}
	if id := answer.Headers["X-Request-Id"]; id == "" {
		t.Error("got no X-Request-Id")
	}
	if got, want := answer.Headers["Content-Type"], "application/json; charset=utf-8"; got != want {
		t.Errorf("got Content-Type %q, want %q", got, want)
	}
	return answer
}

func code(t testing.TB, answer events.APIGatewayV2HTTPResponse) string {
	t.Helper()
	var body struct{ Code string }
	if err := json.Unmarshal([]byte(answer.Body), &body); err != nil {
		t.Fatal(err)
	}
	return body.Code
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A received is the request that a handler got.
type received struct {
	Method, Path, Query, URI, Host, Remote string
	Header                                 http.Header
	Body                                   string
}

// receive sends an event through a handler and returns the request that next got.
func receive(t *testing.T, e event) (got received) {
	t.Helper()
	h := boot.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the body: %v", err)
		}
		got = received{r.Method, r.URL.Path, r.URL.RawQuery, r.RequestURI, r.Host, r.RemoteAddr, r.Header, string(body)}
		w.WriteHeader(http.StatusNoContent)
	}), quiet())
	if _, err := h.Invoke(t.Context(), payload(t, e)); err != nil {
		t.Fatalf("got invocation error %v, want none", err)
	}
	return got
}

// The request that a handler gets has every field as the client sent it, even if it
// is malformed.
func TestHandlerRequest(t *testing.T) {
	none := http.Header{}
	for name, tt := range map[string]struct {
		event event
		want  received
	}{
		"plain":               {request("GET", "/api/token"), received{"GET", "/api/token", "", "/api/token", "api.test", "", none, ""}},
		"percent":             {request("GET", "/api/token/%"), received{"GET", "/api/token/%", "", "/api/token/%25", "api.test", "", none, ""}},
		"percent_escape":      {request("GET", "/api/token/%zz%2"), received{"GET", "/api/token/%zz%2", "", "/api/token/%25zz%252", "api.test", "", none, ""}},
		"question_mark":       {request("GET", "/a?p=2", func(e *event) { e.RawQueryString = "p=1" }), received{"GET", "/a?p=2", "p=1", "/a%3Fp=2?p=1", "api.test", "", none, ""}},
		"hash":                {request("GET", "/a#b"), received{"GET", "/a#b", "", "/a%23b", "api.test", "", none, ""}},
		"space_and_tab":       {request("GET", "/a b\t\n"), received{"GET", "/a b\t\n", "", "/a%20b%09%0A", "api.test", "", none, ""}},
		"replaced_bytes":      {request("GET", "/\xff"), received{"GET", "/\uFFFD", "", "/%EF%BF%BD", "api.test", "", none, ""}},
		"two_slashes":         {request("GET", "//host/a"), received{"GET", "//host/a", "", "//host/a", "api.test", "", none, ""}},
		"dots_unchanged":      {request("GET", "/a/../b"), received{"GET", "/a/../b", "", "/a/../b", "api.test", "", none, ""}},
		"no_leading_slash":    {request("GET", "api/token"), received{"GET", "/api/token", "", "/api/token", "api.test", "", none, ""}},
		"absolute_url":        {request("GET", "http://other/"), received{"GET", "/http://other/", "", "/http://other/", "api.test", "", none, ""}},
		"context_path":        {request("GET", "", func(e *event) { e.RequestContext.HTTP.Path = "/api/token" }), received{"GET", "/api/token", "", "/api/token", "api.test", "", none, ""}},
		"no_path":             {request("GET", ""), received{"GET", "/", "", "/", "api.test", "", none, ""}},
		"query_unchanged":     {request("GET", "/a", func(e *event) { e.RawQueryString = "b=%zz;&a=+&a=%20#?" }), received{"GET", "/a", "b=%zz;&a=+&a=%20#?", "/a?b=%zz;&a=+&a=%20#?", "api.test", "", none, ""}},
		"query_as_parameters": {request("GET", "/a", func(e *event) { e.QueryStringParameters = map[string]string{"p": "1", "b": "x y"} }), received{"GET", "/a", "b=x+y&p=1", "/a?b=x+y&p=1", "api.test", "", none, ""}},
		"method_unchanged":    {request("ge t\n", "/"), received{"ge t\n", "/", "", "/", "api.test", "", none, ""}},
		"no_method":           {request("", "/"), received{"", "/", "", "/", "api.test", "", none, ""}},
		"odd_domain":          {request("GET", "/", func(e *event) { e.RequestContext.DomainName = "[::1%?#@/ " }), received{"GET", "/", "", "/", "[::1%?#@/ ", "", none, ""}},
		"headers": {request("GET", "/", func(e *event) {
			e.Headers = map[string]string{"if-match": `"1","2"`, "idempotency-key": " a, b", "sp ace": "x\r\ny"}
			e.Cookies = []string{"a=1", "b=2,3"}
		}), received{"GET", "/", "", "/", "api.test", "", http.Header{"If-Match": {`"1","2"`}, "Idempotency-Key": {" a, b"}, "sp ace": {"x\r\ny"}, "Cookie": {"a=1; b=2,3"}}, ""}},
		"address": {request("GET", "/", func(e *event) { e.RequestContext.HTTP.SourceIP = "2001:db8::7" }), received{"GET", "/", "", "/", "api.test", "2001:db8::7", none, ""}},
		"body":    {request("POST", "/", func(e *event) { e.Body = "a=b" }), received{"POST", "/", "", "/", "api.test", "", none, "a=b"}},
		"body_in_base64": {request("POST", "/", func(e *event) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte("\x00\xff")), true
		}), received{"POST", "/", "", "/", "api.test", "", none, "\x00\xff"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, receive(t, tt.event)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// The answer has what the handler wrote: its status, headers of several
// values in one, cookies apart, and a body that is not text in base64.
func TestHandlerAnswer(t *testing.T) {
	h := boot.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Origin")
		w.Header().Add("Set-Cookie", "a=1, 2")
		w.Header().Add("Set-Cookie", "b=3")
		w.Header().Set("Content-Type", "image/png")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("\xff"))
		_, _ = w.Write([]byte("\x00"))
	}), quiet())
	answer, err := h.Invoke(t.Context(), payload(t, request("GET", "/")))
	if err != nil {
		t.Fatal(err)
	}
	var got events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	want := events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusTeapot, Headers: map[string]string{"Content-Type": "image/png", "Vary": "Accept,Origin"}, Cookies: []string{"a=1, 2", "b=3"},
		Body: "/wA=", IsBase64Encoded: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// faulty returns handlers that do not write a complete answer.
func faulty() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"panic":     func(http.ResponseWriter, *http.Request) { panic("on purpose") },
		"nil_panic": func(http.ResponseWriter, *http.Request) { panic(nil) }, //nolint:govet // on purpose
		"abort":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"incomplete_answer": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"success":tr`)
			panic("incomplete")
		},
		"no_answer":   func(http.ResponseWriter, *http.Request) {},
		"header_only": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"1"`) },
	}
}

// A handler that panics or writes nothing results in a 500 in the envelope and in one
// error line with the request id.
func TestHandlerFaults(t *testing.T) {
	for name, next := range faulty() {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			h := boot.Handler(next, slog.New(slog.NewJSONHandler(&logged, nil)))
			answer := invoke(t, h, payload(t, request("GET", "/")))
			if answer.StatusCode != http.StatusInternalServerError || code(t, answer) != "internal" {
				t.Errorf("got %d %s, want 500 internal", answer.StatusCode, answer.Body)
			}
			if got := answer.Headers["X-Request-Id"]; got != "JKJaXmPLvHcESHA=" {
				t.Errorf("got request id %q, want API Gateway's", got)
			}
			if answer.Headers["Etag"] != "" {
				t.Error("got a header of the dropped answer")
			}
			line := logged.String()
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, `"request_id":"JKJaXmPLvHcESHA="`) || !strings.Contains(line, `"level":"ERROR"`) {
				t.Errorf("got log %q, want one error line with the request id", line)
			}
		})
	}
}

// The handler logs nothing in plain text, even for malformed events and faulty handlers.
func TestHandlerPrintsNothing(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	for _, next := range faulty() {
		h := boot.Handler(next, quiet())
		invoke(t, h, payload(t, request("b ad", "%", func(e *event) { e.Body, e.IsBase64Encoded = "%", true })))
	}
	if logged.Len() > 0 {
		t.Errorf("got %q from package log, want nothing", logged.String())
	}
}
