package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/gateway"
)

// The key can be in the header of any vendor or in the query. No form of it, and
// no other credential of the caller, reaches the upstream.
func TestKeyIsFoundAndRemoved(t *testing.T) {
	const other = "sk-0123456789abcdef0123456789abcdef"
	for name, set := range map[string]func(r *http.Request, key string){
		"authorization":     func(r *http.Request, key string) { r.Header.Set("Authorization", "Bearer "+key) },
		"authorization/raw": func(r *http.Request, key string) { r.Header.Set("Authorization", key) },
		"x-api-key":         func(r *http.Request, key string) { r.Header.Set("X-Api-Key", key) },
		"api-key":           func(r *http.Request, key string) { r.Header.Set("Api-Key", key) },
		"x-goog-api-key":    func(r *http.Request, key string) { r.Header.Set("X-Goog-Api-Key", key) },
		"query":             func(r *http.Request, key string) { r.URL.RawQuery = "key=" + key },
		"all": func(r *http.Request, key string) {
			for _, name := range []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
				r.Header.Set(name, key)
			}
			r.URL.RawQuery = "key=" + key
		},
		"cookie": func(r *http.Request, key string) {
			r.Header.Set("Authorization", "Bearer "+key)
			r.Header.Set("Cookie", "session="+other)
			r.Header.Set("Proxy-Authorization", "Bearer "+other)
			r.Header.Set("User-Agent", "client/1 "+other)
			r.Header.Set("X-Forwarded-Authorization", other)
			r.Header.Set("Openai-Organization", "org-1")
			r.Header.Set("Idempotency-Key", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen string
			s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen = fmt.Sprint(r.Header, r.URL, r.Trailer)
				respond(http.StatusOK, jsonType, completion)(w, r)
			}), gateway.Options{})
			key, _ := s.newKey(t, 1000)
			r := s.chatRequest(t, "", hello)
			r.Header.Del("Authorization")
			set(r, key)
			if got := send(t, r); got.status != http.StatusOK {
				t.Fatalf("got %d %s, want 200", got.status, got.body)
			}
			s.wantUsed(t, key, 1000, 21)
			for _, secret := range []string{key, other, "org-1", "Idempotency", "Cookie", "Authorization", "key"} {
				if strings.Contains(strings.ToLower(seen), strings.ToLower(secret)) {
					t.Errorf("the upstream sees %s in %s", secret, seen)
				}
			}
		})
	}
}

// Two different keys in one request are refused.
func TestTwoKeysAreRefused(t *testing.T) {
	s := newServer(t, notCalled(t), gateway.Options{})
	one, _ := s.newKey(t, 1000)
	two, _ := s.newKey(t, 1000)
	for name, set := range map[string]func(r *http.Request){
		"two_headers": func(r *http.Request) { r.Header.Set("X-Api-Key", two) },
		"same_header": func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+two) },
		"query":       func(r *http.Request) { r.URL.RawQuery = "key=" + two },
		"malformed":   func(r *http.Request) { r.Header.Set("Api-Key", "nonsense") },
	} {
		t.Run(name, func(t *testing.T) {
			r := s.chatRequest(t, one, hello)
			set(r)
			s.wantRefused(t, r, http.StatusUnauthorized, errorBody(invalidRequest, "two_api_keys", "The request has two different API keys. Send one."))
		})
	}
}

// The caller gets only listed headers of the answer, and the id of the log line.
func TestAnswerHeaders(t *testing.T) {
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Set-Cookie": "a=b", "Openai-Organization": "org-1", "X-Ratelimit-Remaining-Tokens": "5", "X-Request-Id": "upstream",
			"Retry-After": "3", "Cache-Control": "no-store, sk-0123456789abcdef", "Server": "upstream", "Strict-Transport-Security": "max-age=1",
		} {
			w.Header().Set(name, value)
		}
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	got := s.chat(t, key, hello)
	var names []string
	for name := range got.header {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"Content-Length", "Content-Type", "Date", "Retry-After", "X-Request-Id"}; !slices.Equal(names, want) {
		if want := []string{"Content-Type", "Date", "Retry-After", "X-Request-Id"}; !slices.Equal(names, want) {
			t.Errorf("got headers %q, want %q", names, want)
		}
	}
	if id := got.header.Get("X-Request-Id"); len(got.header.Values("X-Request-Id")) != 1 || !strings.Contains(s.log.String(), id) {
		t.Errorf("got X-Request-Id %q, want that of the log", got.header.Values("X-Request-Id"))
	}
}

// Errors have the form of the API that the caller speaks, and a request id.
func TestErrorForms(t *testing.T) {
	s := newServer(t, notCalled(t), gateway.Options{})
	const missing = "You didn't provide an API key. Send the sk- key in the Authorization header, after the word Bearer."
	for path, want := range map[string]string{
		"/v1/responses": errorBody(invalidRequest, "invalid_api_key", missing),
		"/v1/messages":  `{"error":{"code":"invalid_api_key","message":"` + missing + `","type":"authentication_error"},"type":"error"}`,
		"/v1beta/models/gemini-2.5-flash:generateContent": `{"error":{"code":401,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"latchkey","reason":"invalid_api_key"}],"message":"` +
			missing + `","status":"UNAUTHENTICATED"}}`,
	} {
		r := s.chatRequest(t, "", hello)
		r.Header.Del("Authorization")
		r.URL.Path = path
		got := s.wantRefused(t, r, http.StatusUnauthorized, want)
		if got.header.Get("X-Request-Id") == "" || (got.header.Get("Request-Id") != "") != (path == "/v1/messages") {
			t.Errorf("%s: got headers %v, want a request id", path, got.header)
		}
	}
}

// A quota that is spent is told from one that requests in progress hold, and the
// vendors' clients do not try again in vain.
func TestQuotaInProgressIsToldFromSpent(t *testing.T) {
	finish, started := make(chan struct{}), make(chan struct{})
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-finish
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{})
	key, _ := s.newKey(t, 600)
	go s.chat(t, key, hello)
	<-started
	got := s.wantRefused(t, s.chatRequest(t, key, `{"model":"gpt-4o","max_tokens":200}`), http.StatusTooManyRequests, errorBody("rate_limit_error", "quota_in_progress",
		"This API key has 83 units left, and the request may need 209. Requests in progress hold 517 more. Wait until they end, then try again."))
	if got.header.Get("Retry-After") == "" || got.header.Get("X-Should-Retry") != "" {
		t.Errorf("in progress: got headers %v, want Retry-After", got.header)
	}
	got = s.wantRefused(t, s.chatRequest(t, key, `{"model":"gpt-4o","max_tokens":700}`), http.StatusTooManyRequests, errorBody("insufficient_quota", "insufficient_quota",
		"This API key has 83 units left, and the request may need 709. Reduce the maximum number of tokens, or ask the issuer of the key for more quota."))
	if got.header.Get("Retry-After") != "" || got.header.Get("X-Should-Retry") != "false" {
		t.Errorf("spent: got headers %v, want X-Should-Retry: false", got.header)
	}
	close(finish)
}

// Refusals of the operator's key are told from those of the caller's.
func TestUpstreamRefusesOperator(t *testing.T) {
	for status, want := range map[int]struct {
		status int
		code   string
	}{
		401: {502, "upstream_auth_failed"}, 403: {502, "upstream_auth_failed"}, 402: {502, "upstream_payment_required"},
		429: {503, "upstream_rate_limited"}, 400: {400, "bad"}, 404: {404, "bad"}, 500: {500, "bad"},
	} {
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("X-Api-Key"); got != "operator" || r.URL.Path != "/base/v1/chat/completions" || r.Header.Get("Authorization") != "" {
				t.Errorf("the upstream got key %q at %s", got, r.URL)
			}
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Content-Type", jsonType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, errorBody("x", "bad", "about org-1 and sk-operator"))
		}))
		t.Cleanup(upstream.Close)
		target, err := gateway.UpstreamURL(upstream.URL + "/base/v1/")
		if err != nil {
			t.Fatal(err)
		}
		log := new(capture.Output)
		s := newServer(t, gateway.Forward(gateway.Upstream{
			URL: target, Key: "operator", Auth: gateway.AuthXAPIKey, Log: slog.New(slog.NewJSONHandler(log, nil)),
		}), gateway.Options{})
		key, _ := s.newKey(t, 1000)
		got := s.chat(t, key, hello)
		if got.status != want.status || !strings.Contains(got.body, `"code":"`+want.code+`"`) || (want.code != "bad") == strings.Contains(got.body, "org-1") {
			t.Errorf("upstream's %d: got %d %s, want %d and %s", status, got.status, got.body, want.status, want.code)
		}
		if id := got.header.Get("X-Request-Id"); want.code != "bad" && !strings.Contains(log.String(), `"request_id":"`+id+`"`) {
			t.Errorf("upstream's %d: got the log %s, want the request id %s", status, log, id)
		}
		if status == http.StatusTooManyRequests && got.header.Get("Retry-After") != "7" {
			t.Errorf("got Retry-After %q, want 7", got.header.Get("Retry-After"))
		}
		s.wantUsed(t, key, 1000, 0)
	}
}

// A page of an allowed origin can call the API from a browser; others can't.
func TestCORS(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{AllowOrigins: []string{"https://app.example"}})
	key, _ := s.newKey(t, 1000)
	for origin, allowed := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
		preflight := s.chatRequest(t, "", "")
		preflight.Method = http.MethodOptions
		preflight.Header = http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type,x-stainless-os"},
		}
		got := send(t, preflight)
		if (got.status == http.StatusNoContent) != (allowed != "") || got.header.Get("Access-Control-Allow-Origin") != allowed ||
			allowed != "" && got.header.Get("Access-Control-Allow-Headers") != "authorization,content-type,x-stainless-os" {
			t.Errorf("preflight from %s: got %d, %v", origin, got.status, got.header)
		}
		r := s.chatRequest(t, key, hello)
		r.Header.Set("Origin", origin)
		if got := send(t, r); got.header.Get("Access-Control-Allow-Origin") != allowed || got.header.Get("Vary") != "Origin" {
			t.Errorf("request from %s: got headers %v", origin, got.header)
		}
	}
}

// The health of the process is answered without a key.
func TestHealth(t *testing.T) {
	s := newServer(t, notCalled(t), gateway.Options{})
	r := s.modelsRequest(t, "")
	r.Header.Del("Authorization")
	r.URL.Path = gateway.HealthPath
	if got := send(t, r); got.status != http.StatusOK || got.body != "ok\n" {
		t.Errorf("got %d %q, want 200 and ok", got.status, got.body)
	}
}

// A client that waits for 100 Continue gets its refusal at once.
func TestRefusalBeforeBody(t *testing.T) {
	s := newServer(t, notCalled(t), gateway.Options{})
	key, _ := s.newKey(t, 0)
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"no_key":     {"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 9000000", 401},
		"exhausted":  {"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer " + key + "\r\nContent-Length: 9000000", 429},
		"chunked":    {"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer " + key + "\r\nTransfer-Encoding: chunked", 429},
		"wrong_path": {"POST /v1/files HTTP/1.1\r\nAuthorization: Bearer " + key + "\r\nContent-Length: 9000000", 404},
		"too_large":  {"POST /v1/files HTTP/1.1\r\nAuthorization: Bearer " + key + "\r\nContent-Length: 90000000", 404},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // the test is over
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.WriteString(conn, c.head+"\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // it is read to its end
			if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != c.status {
				t.Errorf("got %d %s, %v, want %d", resp.StatusCode, text, err, c.status)
			}
		})
	}
}
