package modelgateway_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/shared/boot/modelgateway"
)

// FuzzEvent checks that every event gets an answer, and that the handler gets the
// path, the query and the body as the client sent them, or nothing.
func FuzzEvent(f *testing.F) {
	f.Add("POST", "/v1/chat/completions", "", hello, false, "203.0.113.7")
	f.Add("GET", "/v1/models", "limit=2&after=a%20b", "", false, "2001:db8::1")
	f.Add("", "/v1/%2e%2e/files?a", "?#", "!", true, "")
	f.Add("GE T", "//a", "%zz", "e30=", true, "::x")
	f.Add("OPTIONS", "*", "", "", false, "")
	f.Add("GET", "/00?", "", "", false, "")
	f.Fuzz(func(t *testing.T, method, path, query, body string, encoded bool, ip string) {
		e := &events.LambdaFunctionURLRequest{RawPath: path, RawQueryString: query, Body: body, IsBase64Encoded: encoded}
		e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = method, ip
		called := false
		answer, err := modelgateway.NewHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			called = true
			checkRequest(t, r, e)
		}))(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(answer); err != nil {
			t.Errorf("got error %v, want an answer", err)
		}
		if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[called]; answer.StatusCode != want {
			t.Errorf("got %d, want %d", answer.StatusCode, want)
		}
		_ = answer.Close()
	})
}

// checkRequest checks a request that was made of an event.
func checkRequest(t *testing.T, r *http.Request, e *events.LambdaFunctionURLRequest) {
	t.Helper()
	if path, err := url.PathUnescape(e.RawPath); r.URL.Path != "*" && (err != nil || r.URL.Path != path) {
		t.Errorf("got path %q (%v), want %q", r.URL.Path, err, e.RawPath)
	}
	want := e.Body
	if e.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			t.Errorf("the body can't be decoded (%v), and the handler was called", err)
		}
		want = string(decoded)
	}
	if got, err := io.ReadAll(r.Body); err != nil || string(got) != want || r.ContentLength != int64(len(want)) {
		t.Errorf("got body %q of length %d, %v, want %q", got, r.ContentLength, err, want)
	}
}
