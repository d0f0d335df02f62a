package gatewaytest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/internal/gatewaytest"
)

// TestEvent checks each field of the event for a request.
func TestEvent(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/a%2Fb/%25%20?q=%20x&p=1&p=2&q", strings.NewReader("body"))
	r.Header = http.Header{"X-Two": {"1", "2"}, "Content-Type": {"text/plain"}, "Cookie": {"a=1; b=2", "c=3"}}
	got := event(t, r)
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"version", got.Version, "2.0"},
		{"rawPath", got.RawPath, "/a/b/% "},
		{"path", got.RequestContext.HTTP.Path, "/a/b/% "},
		{"rawQueryString", got.RawQueryString, "q=%20x&p=1&p=2&q"},
		{"queryStringParameters", got.QueryStringParameters, map[string]string{"p": "1,2", "q": " x,"}},
		{"routeKey", got.RouteKey, "PUT /{proxy+}"},
		{"routeKey of the context", got.RequestContext.RouteKey, "PUT /{proxy+}"},
		{"stage", got.RequestContext.Stage, "$default"},
		{"pathParameters", got.PathParameters, map[string]string{"proxy": "x"}},
		{"method", got.RequestContext.HTTP.Method, "PUT"},
		{"cookies", got.Cookies, []string{"a=1", "b=2", "c=3"}},
		{"headers", got.Headers, map[string]string{
			"host": "example.com", "x-two": "1,2", "content-type": "text/plain",
			"x-forwarded-for": "192.0.2.1", "x-forwarded-port": "1234", "x-forwarded-proto": "https",
		}},
		{"body", got.Body, "body"},
		{"isBase64Encoded", got.IsBase64Encoded, false},
	} {
		if !reflect.DeepEqual(field.got, field.want) {
			t.Errorf("%s: got %#v, want %#v", field.name, field.got, field.want)
		}
	}
	if again := event(t, r); got.RequestContext.RequestID == "" || got.RequestContext.RequestID == again.RequestContext.RequestID {
		t.Errorf("two events have the request IDs %q and %q, want different ones", got.RequestContext.RequestID, again.RequestContext.RequestID)
	}
}

// TestEventBody checks which bodies the event contains in Base64.
func TestEventBody(t *testing.T) {
	for name, row := range map[string]struct{ contentType, body, want string }{
		"JSON":                   {"application/json; charset=utf-8", `{}`, `{}`},
		"text":                   {"text/html", "é", "é"},
		"nothing":                {"", "", ""},
		"form":                   {"application/x-www-form-urlencoded", "a=b", "YT1i"},
		"no type":                {"", "a", "YQ=="},
		"JSON that is not UTF-8": {"application/json", "\xff", "/w=="},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(row.body))
		r.Header.Set("Content-Type", row.contentType)
		got := event(t, r)
		if want := row.want != row.body; got.Body != row.want || got.IsBase64Encoded != want {
			t.Errorf("%s: got %q, %t, want %q, %t", name, got.Body, got.IsBase64Encoded, row.want, want)
		}
	}
}

func event(t *testing.T, r *http.Request) (got events.APIGatewayV2HTTPRequest) {
	t.Helper()
	text, err := gatewaytest.Event(r, "PUT /{proxy+}", map[string]string{"proxy": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestAnswer checks that status, headers, cookies and body reach the caller, and
// that an invalid response is an error.
func TestAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	err := gatewaytest.Answer(w, []byte(`{"statusCode":418,"headers":{"x-a":"1"},"multiValueHeaders":{"X-B":["2"]},"cookies":["a=1","b=2"],"body":"/w==","isBase64Encoded":true}`))
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"X-A": {"1"}, "Set-Cookie": {"a=1", "b=2"}} // format 2.0 has no multiValueHeaders
	if w.Code != http.StatusTeapot || w.Body.String() != "\xff" || !reflect.DeepEqual(w.Header(), want) {
		t.Errorf("got %d %v %q, want 418 %v %q", w.Code, w.Header(), w.Body, want, "\xff")
	}
	for _, answer := range []string{``, `{}`, `{"body":"x"}`, `{"statusCode":200,"body":"?","isBase64Encoded":true}`} {
		if err := gatewaytest.Answer(httptest.NewRecorder(), []byte(answer)); err == nil {
			t.Errorf("%s: got no error, want one", answer)
		}
	}
}
