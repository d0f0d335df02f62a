package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// The paths of the three APIs are served, with the queries of their clients.
func TestServedPaths(t *testing.T) {
	for _, c := range []struct{ method, target, shape, model, query string }{
		{"POST", "/v1/chat/completions", "openai", "", ""},
		{"POST", "/v1/completions", "openai", "", ""},
		{"POST", "/v1/embeddings", "openai", "", ""},
		{"POST", "/v1/responses", "openai", "", ""},
		{"POST", "/v1/images/generations", "openai", "", ""},
		{"POST", "/v1/images/edits", "openai", "", ""},
		{"POST", "/v1/images/variations", "openai", "", ""},
		{"POST", "/v1/audio/speech", "openai", "", ""},
		{"POST", "/v1/audio/transcriptions", "openai", "", ""},
		{"POST", "/v1/audio/translations", "openai", "", ""},
		{"POST", "/v1/moderations", "openai", "", ""},
		{"GET", "/v1/models?limit=5", "openai", "", "limit=5"},
		{"GET", "/v1/models/ft:gpt-4o:acme::1", "openai", "", ""},
		{"POST", "/v1/messages?beta=true", "anthropic", "", "beta=true"},
		{"POST", "/v1/messages/count_tokens", "anthropic", "", ""},
		{"POST", "/v1beta/models/gemini-2.5-flash:generateContent?key=x", "gemini", "gemini-2.5-flash", ""},
		{"POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "gemini", "gemini-2.5-flash", "alt=sse"},
		{"POST", "/v1/models/gemini-2.5-flash:countTokens", "gemini", "gemini-2.5-flash", ""},
		{"POST", "/v1beta/models/text-embedding-004:embedContent", "gemini", "text-embedding-004", ""},
		{"POST", "/v1beta/models/text-embedding-004:batchEmbedContents", "gemini", "text-embedding-004", ""},
		{"GET", "/v1beta/models/gemini-2.5-flash", "gemini", "", ""},
		{"GET", "/v1beta/models?pageSize=50&pageToken=abc", "gemini", "", "pageSize=50&pageToken=abc"},
	} {
		shape, model, query, err := gateway.Route(c.method, c.target)
		if shape != c.shape || model != c.model || query != c.query || err != nil {
			t.Errorf("%s %s: got %s, %q, %q, %v, want %s, %q, %q", c.method, c.target, shape, model, query, err, c.shape, c.model, c.query)
		}
	}
}

// Every other path is refused, however another server might read it.
func TestRefusedPaths(t *testing.T) {
	for _, c := range []struct{ method, target string }{
		{"GET", "/v1/files"},
		{"DELETE", "/v1/files/file-1"},
		{"GET", "/v1/chat/completions"},
		{"DELETE", "/v1/models/gpt-4o"},
		{"POST", "/v1/models"},
		{"POST", "/v1/responses/resp_1/cancel"},
		{"GET", "/v1/responses/resp_1"},
		{"POST", "/v1/fine_tuning/jobs"},
		{"POST", "/v1/batches"},
		{"POST", "/"},
		{"POST", "/v1/chat/completions/"},
		{"POST", "/v1//chat/completions"},
		{"POST", "//v1/chat/completions"},
		{"POST", "/v1/./chat/completions"},
		{"POST", "/v1/files/../chat/completions"},
		{"POST", "/v1/chat/completions/../../files"},
		{"POST", "/v1/chat%2Fcompletions"},
		{"POST", "/v1/chat%5Ccompletions"},
		{"POST", `/v1/chat\completions`},
		{"POST", "/v1/chat/completions%00"},
		{"POST", "/v1/chat/completions%20"},
		{"POST", "/v1/chat/completions%3Fx"},
		{"POST", "/v1/chat/completions;x=1"},
		{"POST", "/v1/%63hat/completions"},
		{"POST", "/V1/chat/completions"},
		{"POST", "/v1/chat/completions?model=o1"},
		{"POST", "/v1/chat/completions?api_key=x"},
		{"POST", "/v1/chat/completions?x=1"},
		{"POST", "/v1/chat/completions?%zz"},
		{"POST", "/v1/messages?beta=true&beta=false"},
		{"POST", "/v1/messages?beta=sk-0123456789abcdef"},
		{"POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=proto"},
		{"POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&access_token=x"},
		{"GET", "/v1beta/models/gemini-2.5-flash:generateContent"},
		{"POST", "/v1beta/models/gemini-2.5-flash:tuneModel"},
		{"POST", "/v1beta/models/a/b:generateContent"},
		{"POST", "/v1beta/models/:generateContent"},
		{"POST", "/v1beta/models/..:generateContent"},
		{"POST", "/v1beta/tunedModels/x:generateContent"},
		{"POST", "/v1beta/models/gemini%2F..%2Fx:generateContent"},
		{"POST", "/v1beta/cachedContents"},
	} {
		if _, _, _, err := gateway.Route(c.method, c.target); err == nil {
			t.Errorf("%s %s is served", c.method, c.target)
		}
	}
}

// Options.Allow opens exactly what it names, and no query that may carry a
// credential.
func TestAllowedPaths(t *testing.T) {
	var allow []gateway.Allowed
	for _, s := range []string{"GET /v1/files", "DELETE /v1/files/*", "POST /v1/batches 25"} {
		a, err := gateway.ParseAllowed(s)
		if err != nil {
			t.Fatal(err)
		}
		allow = append(allow, a)
	}
	for target, served := range map[string]bool{
		"GET /v1/files": true, "GET /v1/files?purpose=batch": true, "DELETE /v1/files/file-1": true, "POST /v1/batches": true,
		"GET /v1/files/file-1": false, "POST /v1/files": false, "DELETE /v1/files": false, "DELETE /v1/files/../models/x": false,
		"DELETE /v1/files/a%2F..%2Fb": false, "GET /v1/files?api-key=x": false, "GET /v1/files?x=sk-0123456789abcdef": false, "GET /v1/filesystem": false,
	} {
		method, path, _ := strings.Cut(target, " ")
		if _, _, _, err := gateway.Route(method, path, allow...); (err == nil) != served {
			t.Errorf("%s: got error %v, want served %v", target, err, served)
		}
	}
	for _, s := range []string{"", "GET", "GET files", "GET /v1/../files", "GET /v1/files/", "HEAD /v1/files", "GET /v1/files x", "GET /v1/files -1", "GET /v1/files 1 2", "get /v1/files", "GET /v1/fi*"} {
		if a, err := gateway.ParseAllowed(s); err == nil {
			t.Errorf("%q: got %+v, want an error", s, a)
		}
	}
}

// The price of an allowed request is charged if it succeeds.
func TestAllowedPathIsCharged(t *testing.T) {
	for status, used := range map[int]int64{http.StatusOK: 25, http.StatusNoContent: 25, http.StatusBadRequest: 0} {
		s := newServer(t, respond(status, jsonType, ""), gateway.Options{Allow: []gateway.Allowed{{Method: "POST", Path: "/v1/batches", Units: 25}}})
		key, _ := s.newKey(t, 30)
		r := s.chatRequest(t, key, `{"any":"body"}`)
		r.URL.Path = "/v1/batches"
		if got := send(t, r); got.status != status {
			t.Errorf("got %d %s, want %d", got.status, got.body, status)
		}
		s.wantUsed(t, key, 30, used)
	}
}

// An upstream's URL may end with the version, and has only clean paths.
func TestUpstreamURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://api.openai.com":           "https://api.openai.com",
		"https://api.openai.com/v1":        "https://api.openai.com",
		"https://api.openai.com/v1/":       "https://api.openai.com",
		"https://host/v1beta":              "https://host",
		"http://127.0.0.1:8080/openai/v1/": "http://127.0.0.1:8080/openai",
		"https://host/a/b":                 "https://host/a/b",
		"":                                 "",
		"api.openai.com":                   "",
		"ftp://host":                       "",
		"https://user:password@host":       "",
		"https://host?x=1":                 "",
		"https://host#x":                   "",
		"https://host/a/../b":              "",
		"https://host/a//b":                "",
		"https://host/a%2Fb":               "",
	} {
		got, err := gateway.UpstreamURL(in)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q: got %v, %v, want %q", in, got, err, want)
		}
	}
}

// FuzzPath checks that whatever is served is one of the known paths, byte by
// byte, and that no server could read it differently.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/v1/chat/completions", "/v1/models/x", "/v1beta/models/g:generateContent?alt=sse", "/v1/%2e%2e/x", "/v1//models?key=a&key=b"} {
		f.Add("POST", seed)
		f.Add("GET", seed)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		_, model, query, err := gateway.Route(method, target)
		if err != nil {
			return
		}
		path, _, _ := strings.Cut(target, "?")
		if strings.ContainsAny(path, `%\;#`) || strings.Contains(path, "//") || strings.Contains(path, "/./") || strings.Contains(path, "/../") ||
			!strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1beta/models") {
			t.Errorf("%s %q is served", method, target)
		}
		if strings.Contains(query, "key=") || strings.ContainsAny(model, "/%") {
			t.Errorf("%s %q: query %q, model %q", method, target, query, model)
		}
	})
}
