package boot_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/shared/boot"
)

// TestBelow checks that the routes see a path without the base path, however the
// request came, and that a Location leads back to where it came from.
func TestBelow(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Seen", r.URL.Path+" "+r.RequestURI)
		w.Header().Set("Location", r.Header.Get("Answer"))
		w.WriteHeader(http.StatusCreated)
	})
	handler := boot.Handler(boot.Below("/internal/keys", next), slog.New(slog.NewTextHandler(io.Discard, nil)))
	for path, want := range map[string]struct{ seen, to, location string }{
		"/internal/keys/api/token":  {"/api/token /api/token?p=1", "/api/token/7", "/internal/keys/api/token/7"},
		"/internal/keys/api/token/": {"/api/token/ /api/token/?p=1", "", ""},
		"/internal/keys/docs/":      {"/docs/ /docs/?p=1", "../docs", "../docs"},
		"/internal/keys/":           {"/ /?p=1", "", ""},
		"/internal/keys":            {"", "", "/internal/keys/"},
		"/internal/keyset":          {"/internal/keyset /internal/keyset?p=1", "/a", "/a"},
		"/api/token":                {"/api/token /api/token?p=1", "/api/token/7", "/api/token/7"},
	} {
		e := events.APIGatewayV2HTTPRequest{RawPath: path, RawQueryString: "p=1", Headers: map[string]string{"answer": want.to}}
		e.RequestContext.HTTP.Method = http.MethodGet
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text, err := handler.Invoke(t.Context(), payload)
		var got events.APIGatewayV2HTTPResponse
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || got.Headers["Seen"] != want.seen || got.Headers["Location"] != want.location {
			t.Errorf("%s: got %s, %v, want %+v", path, text, err, want)
		}
	}
}

// TestBasePath checks that a function does not start with a base path that no
// API mapping has.
func TestBasePath(t *testing.T) {
	for value, valid := range map[string]bool{
		"": true, "keys": true, "internal/keys-2": true, "/keys": false, "keys/": false, "a//b": false, "Keys": false, "k%20": false, "..": false,
	} {
		env, err := boot.ReadEnvironment(func(name string) string {
			return map[string]string{"BASE_PATH": value, "TABLE_NAME": "t", "AWS_LAMBDA_RUNTIME_API": "a", "DYNAMODB_ENDPOINT": "http://127.0.0.1:1"}[name]
		})
		if valid != (err == nil) || err != nil && !strings.Contains(err.Error(), "environment variable BASE_PATH is not a path: set it to") {
			t.Errorf("%q: got %v, want it valid: %t", value, err, valid)
		}
		if want := strings.TrimSuffix("/"+value, "/"); valid && env.BasePath != want {
			t.Errorf("%q: got %q, want %q", value, env.BasePath, want)
		}
	}
}
