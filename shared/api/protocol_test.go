package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A broken store gives every call the same answer, to test how the protocol
// reports errors.
type broken struct {
	token.Store
	answer func() error
}

func (b broken) Authorize(context.Context, token.Caller) error { return b.answer() }

func (b broken) Get(context.Context, token.Caller, int64) (token.Token, error) {
	return token.Token{}, b.answer()
}

func (b broken) Create(_ context.Context, _ token.Caller, mint func(token.User) (token.NewTokens, error)) ([]token.Token, error) {
	birth, err := mint(token.User{LastTokenID: 41})
	return birth.Tokens, errors.Join(err, b.answer())
}

// DeleteAll finds all tokens but number 5.
func (b broken) DeleteAll(_ context.Context, _ token.Caller, ids []int64, plan token.BatchPlan) ([]error, error) {
	if err := plan(make([]bool, len(ids))); err != nil {
		return nil, err
	}
	errs := make([]error, len(ids))
	for i, id := range ids {
		if id == 5 {
			errs[i] = token.ErrNotFound
		}
	}
	return errs, b.answer()
}

// ask sends one request to an API over a broken store and returns the answer
// and the log line.
func ask(t testing.TB, answer func() error, r *http.Request) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	var log bytes.Buffer
	service := &token.Service{Store: broken{answer: answer}, Now: time.Now}
	w := httptest.NewRecorder()
	r.Header.Set("Authorization", "Bearer "+credential.NewAccessToken(7, 0).Reveal())
	api.New(api.Services{Tokens: service}, slog.New(slog.NewJSONHandler(&log, nil)), api.Routes()...).ServeHTTP(w, r)
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("the log is not one JSON line: %v: %s", err, log.String())
	}
	return w, line
}

func get(id string) *http.Request {
	return httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/api/token/"+id, http.NoBody)
}

func TestFailureOfTheStore(t *testing.T) {
	for name, row := range map[string]struct {
		err        error
		status     int
		code       string
		retryAfter string
	}{
		"contention":  {token.ErrContention, 429, "rate_limited", "1"},
		"unavailable": {errors.Join(errors.New("dial tcp 10.0.0.1:443"), token.ErrUnavailable), 503, "unavailable", "1"},
		"uncertain":   {errors.Join(errors.New("read tcp 10.0.0.1:443"), token.ErrUncertain), 503, "unavailable", "1"},
		"unforeseen":  {errors.New("pq: table secrets_v2"), 500, "internal", ""},
		"panic":       {nil, 500, "internal", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, line := ask(t, func() error {
				if row.err == nil {
					panic("at sk-" + strings.Repeat("x", 54))
				}
				return row.err
			}, get("1"))
			var body wire.Envelope[any]
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if w.Code != row.status || string(body.Code) != row.code || w.Header().Get("Retry-After") != row.retryAfter || body.RequestID == "" {
				t.Errorf("got %d %s, Retry-After %q; want %d %s, %q", w.Code, w.Body, w.Header().Get("Retry-After"), row.status, row.code, row.retryAfter)
			}
			if certain := strings.Contains(body.Message, "nothing was changed"); w.Code == 503 && certain == errors.Is(row.err, token.ErrUncertain) {
				t.Errorf("the message is %q, want it to say whether something may have changed", body.Message)
			}
			if row.err != nil && strings.Contains(w.Body.String(), row.err.Error()) {
				t.Errorf("the answer shows the error's text: %s", w.Body)
			}
			logged, _ := line["error"].(string)
			if row.status >= 500 && logged == "" || strings.Contains(logged, "xxxx") {
				t.Errorf("the log's error is %q, want the details without a secret", logged)
			}
		})
	}
}

func TestLogLine(t *testing.T) {
	_, line := ask(t, func() error { return token.ErrNotFound }, get("5"))
	for _, field := range []string{"time", "level", "msg", "route", "status", "ms", "request_id", "user_id", "read_units", "write_units", "round_trips"} {
		if _, ok := line[field]; !ok {
			t.Errorf("the log line has no %s: %v", field, line)
		}
	}
	if line["route"] != "get" || line["status"] != 404.0 || line["user_id"] != 7.0 {
		t.Errorf("the log line says %v, want route get, status 404, user 7", line)
	}
	if _, ok := line["token_id"]; ok {
		t.Errorf("the log line of a failure names a token: %v", line)
	}
	created := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/token", strings.NewReader(`{"name":"x"}`))
	if _, line := ask(t, func() error { return nil }, created); line["status"] != 201.0 || line["token_id"] != 42.0 {
		t.Errorf("the log line of a creation is %v, want status 201 and token 42", line)
	}
	several := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/token/batch", strings.NewReader(`{"ids":[4,5,6]}`))
	if _, line := ask(t, func() error { return nil }, several); fmt.Sprint(line["token_ids"]) != "[4 6]" {
		t.Errorf("the log line of a batch of deletions is %v, want the tokens 4 and 6, which were deleted", line)
	}
	if _, line := ask(t, func() error { return token.ErrUnauthorized }, get("5")); line["user_id"] != 0.0 {
		t.Errorf("the log names user %v, who is not authenticated", line["user_id"])
	}
}

func TestRequestIDOfThePlatform(t *testing.T) {
	for given, taken := range map[string]bool{
		"JKJaXmPLvHcESHA=": true, "a-b_c": true, strings.Repeat("x", 128): true,
		"": false, "a b": false, "a\nb": false, "ü": false, strings.Repeat("x", 129): false,
	} {
		r := get("1")
		w, line := ask(t, func() error { return token.ErrNotFound }, r.WithContext(api.WithRequestID(r.Context(), given)))
		got := w.Header().Get("X-Request-Id")
		if (got == given) != taken || got == "" || line["request_id"] != got {
			t.Errorf("given %q, the request id is %q, in the log %v; want it taken: %t", given, got, line["request_id"], taken)
		}
	}
}

// TestRoutesAreWellFormed: names, and methods with paths, are unique, because
// functions, the stack and the SAM template are derived from them.
func TestRoutesAreWellFormed(t *testing.T) {
	names, keys := map[string]bool{}, map[string]bool{}
	for _, route := range api.Routes() {
		key := route.Method + " " + route.Path
		if names[route.Name] || keys[key] {
			t.Errorf("route %s, %s, is there twice", route.Name, key)
		}
		names[route.Name], keys[key] = true, true
		if strings.HasSuffix(route.Path, "/") || !strings.HasPrefix(route.Path, "/api/") {
			t.Errorf("route %s: got path %s, want one below /api/ without a trailing slash", route.Name, route.Path)
		}
	}
}

// Any body gets an answer in the envelope, and an accepted body is exactly one
// JSON object.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x"}`, `{"name":"x","models":["a","b"],"allow_ips":"::1/64, 10.0.0.0/8","remain_quota":9007199254740991}`,
		`{"name":"\ud83d\ude00"}`, `{"name":"\ud83d"}`, `{"a":{"a":[[[{"b":1e400}]]]}}`, `{"name":"x","name":"y"}`, "\xEF\xBB\xBF{}", `[]`, `{"status":1.0}`, "{\"name\":\"\xff\"}",
		`{"name":"x","models":["a"],"model_limits":"a,b","subnet":"::1","ip_whitelist":[],"rate_limit_5h":1e400,"nqme":1}`,
		`{"name":"x","setting":{"heartbeat":{},"limits":{"limit_model_setting":{"enabled":true,"models":["a"]},"limits_ip_setting":{"enabled":true,"whitelist":[" ","::1"]}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/token/", bytes.NewReader(body))
		w, _ := ask(t, func() error { return nil }, r)
		var envelope struct {
			Success *bool
			Message *string
			Code    string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil || envelope.Message == nil {
			t.Fatalf("the answer is no envelope: %d %s", w.Code, w.Body)
		}
		switch w.Code {
		case http.StatusCreated:
			var object map[string]json.RawMessage
			if err := json.Unmarshal(body, &object); err != nil || len(body) > 16<<10 {
				t.Fatalf("accepted %q", body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if envelope.Code == "" || !strings.HasSuffix(*envelope.Message, ".") {
				t.Fatalf("refused without code or sentence: %s", w.Body)
			}
		default:
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	})
}
