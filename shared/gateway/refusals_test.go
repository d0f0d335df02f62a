package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// problem is the body of a refusal.
func problem(kind, code, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":null,"code":%q}}`, message, kind, code)
}

const invalidRequest = "invalid_request_error"

// never is a next that must not be asked.
func never(t testing.TB) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("next was asked") })
}

func (f *front) wantRefused(t *testing.T, r *http.Request, status int, body string) reply {
	t.Helper()
	got := send(t, r)
	if diff := cmp.Diff(body, got.body); got.status != status || diff != "" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d, want %d; the body differs (-want +got):\n%s", got.status, status, diff)
	}
	return got
}

func TestAKeyThatMayNotIsRefusedAsOpenAIDoes(t *testing.T) {
	const unknown = "The key is not valid: check that it is complete; it may have been deleted."
	f := newFront(t, never(t), gateway.Options{})
	made := func(units int64, limits ...func(*token.Settings)) string {
		key, _ := f.key(t, units, limits...)
		return key
	}
	expiring := made(1000, func(u *token.Settings) { u.ExpiredTime = new(int64(dynamotest.Epoch + 10)) })
	f.Clock.Step(10)
	deleted, id := f.key(t, 1000)
	if err := f.Delete(t.Context(), f.Access, id); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key, body  string
		status     int
		kind, code string
		message    string
	}{
		"no_key":    {"", hello, 401, invalidRequest, "invalid_api_key", "There is no key: send the sk- key in the header Authorization, after the word Bearer."},
		"malformed": {"sk-nonsense", hello, 401, invalidRequest, "invalid_api_key", unknown},
		"unknown":   {credential.NewKey(1, 99).Reveal(), hello, 401, invalidRequest, "invalid_api_key", unknown},
		"deleted":   {deleted, hello, 401, invalidRequest, "invalid_api_key", unknown},
		"disabled":  {made(1000, func(u *token.Settings) { u.Disabled = new(true) }), hello, 401, invalidRequest, "key_disabled", "The key is disabled: ask whoever gave it to you to enable it."},
		"expired":   {expiring, hello, 401, invalidRequest, "key_expired", "The key has expired: ask whoever gave it to you to extend it, or for another."},
		"model": {
			made(1000, func(u *token.Settings) { u.ModelLimitsEnabled, u.Models = new(true), []string{"gpt-4o-mini"} }), hello, 403, invalidRequest, "model_not_allowed",
			"The key is not for this model: name one that it is for, or ask whoever gave it to you to add the model.",
		},
		"ip": {
			made(1000, func(u *token.Settings) { u.AllowIPs = []string{"203.0.113.0/24"} }), hello, 403, invalidRequest, "ip_not_allowed",
			"The key is not for your address: call from one that it is for, or ask whoever gave it to you to add yours.",
		},
		"exhausted": {
			made(0), hello, 429, "insufficient_quota", "insufficient_quota",
			"The key has 0 units left and this request may need 517: let it write fewer tokens, or ask whoever gave you the key for more quota.",
		},
		"exhausted/less_than_declared": {
			made(99), `{"model":"gpt-4o","max_tokens":50,"n":2}`, 429, "insufficient_quota", "insufficient_quota",
			"The key has 99 units left and this request may need 110: let it write fewer tokens, or ask whoever gave you the key for more quota.",
		},
	} {
		t.Run(fmt.Sprintf("%d/%s", c.status, name), func(t *testing.T) {
			got := f.wantRefused(t, f.request(t, c.key, c.body), c.status, problem(c.kind, c.code, c.message))
			if challenged := got.header.Get("WWW-Authenticate") == "Bearer"; challenged != (c.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate: got %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestADeletedKeyIsRefusedAtTheVeryNextRequest(t *testing.T) {
	f := newFront(t, says(http.StatusOK, asJSON, completion), gateway.Options{})
	for range 50 {
		key, id := f.key(t, 1000)
		if got := f.chat(t, key, hello); got.status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", got.status, got.body)
		}
		if err := f.Delete(t.Context(), f.Access, id); err != nil {
			t.Fatal(err)
		}
		if got := f.chat(t, key, hello); got.status != http.StatusUnauthorized {
			t.Fatalf("after its deletion: got %d, want 401", got.status)
		}
	}
}

func TestWhereTheEstimateIsMoreThanIsLeftAllThatIsLeftIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		units int64
		body  string
	}{
		"no_limit_declared": {1, hello},
		"the_limit_is_left": {20, `{"model":"gpt-4o","max_output_tokens":20}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, says(http.StatusOK, asJSON, completion), gateway.Options{})
			key, _ := f.key(t, c.units)
			if got := f.chat(t, key, c.body); got.status != http.StatusOK {
				t.Errorf("got %d %s, want 200", got.status, got.body)
			}
			f.wantUsed(t, key, c.units, c.units)
		})
	}
}

func TestTooManyOpenRequestsOfOneKeyHaveToWait(t *testing.T) {
	end := make(chan struct{})
	var begun atomic.Int64
	all := make(chan struct{})
	f := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if begun.Add(1) == quota.MaxOpenHolds {
			close(all)
		}
		<-end
		says(http.StatusOK, asJSON, completion)(w, r)
	}), gateway.Options{})
	key, _ := f.key(t, 100_000)
	for range quota.MaxOpenHolds {
		go f.chat(t, key, hello)
	}
	<-all
	got := f.wantRefused(t, f.request(t, key, hello), http.StatusTooManyRequests, problem("rate_limit_error", "too_many_open",
		"The key has 50 requests under way: wait until some have ended, and try again after the seconds in Retry-After."))
	if after := got.header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After: got %q, want 1", after)
	}
	close(end)
	for range quota.MaxOpenHolds + 1 {
		<-f.ended
	}
	f.audit(t, key, 100_000, 21*quota.MaxOpenHolds)
}

func TestWithoutTheStoreNothingIsLetThrough(t *testing.T) {
	for _, op := range []string{dynamotest.UpdateItem, dynamotest.GetItem} {
		t.Run(op, func(t *testing.T) {
			out := false
			faults := &dynamotest.Faults{Choose: func(asked string, _ int) dynamotest.Fault {
				if out && asked == op {
					return dynamotest.Refused
				}
				return dynamotest.NoFault
			}}
			f := newFront(t, never(t), gateway.Options{}, faults.Tweak)
			key, _ := f.key(t, 1000)
			out = true
			r := f.request(t, key, hello)
			if op == dynamotest.GetItem {
				r = f.look(t, key, http.MethodGet)
			}
			got := f.wantRefused(t, r, http.StatusServiceUnavailable, problem("server_error", "unavailable",
				"The key can't be checked just now: try again after the seconds in Retry-After."))
			if after := got.header.Get("Retry-After"); after != "1" {
				t.Errorf("Retry-After: got %q, want 1", after)
			}
			if !strings.Contains(f.log.String(), `"level":"WARN"`) {
				t.Errorf("the log does not warn:\n%s", f.log)
			}
		})
	}
}

// look is a request without a body.
func (f *front) look(t testing.TB, key, method string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.url+"/v1/models", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	return r
}

func TestARequestThatOnlyLooksIsVerifiedAndHoldsNothing(t *testing.T) {
	f := newFront(t, says(http.StatusOK, asJSON, `{"usage":{"total_tokens":5}}`), gateway.Options{})
	key, _ := f.key(t, 1000)
	disabled, _ := f.key(t, 1000, func(u *token.Settings) { u.Disabled = new(true) })
	empty, _ := f.key(t, 0)
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodOptions} {
		if got := send(t, f.look(t, key, method)); got.status != http.StatusOK {
			t.Errorf("%s: got %d, want 200", method, got.status)
		}
		f.wantUsed(t, key, 1000, 0)
		if got := send(t, f.look(t, disabled, method)); got.status != http.StatusUnauthorized {
			t.Errorf("%s with a disabled key: got %d, want 401", method, got.status)
		}
		<-f.ended
	}
	f.wantRefused(t, f.look(t, empty, http.MethodGet), http.StatusTooManyRequests, problem("insufficient_quota", "insufficient_quota",
		"The key has no units left: ask whoever gave it to you for more quota."))
	with := f.request(t, key, "{}")
	with.Method = http.MethodGet
	f.wantRefused(t, with, http.StatusBadRequest, problem(invalidRequest, "model_required",
		"The body names no model: send its name as model, in a JSON object or a form."))
	f.wantRefused(t, f.look(t, key, http.MethodPost), http.StatusBadRequest, problem(invalidRequest, "invalid_body",
		"The body is not valid JSON: send one JSON object in UTF-8, or a form as multipart/form-data."))
}

func TestABodyOverTheBoundIsRefused(t *testing.T) {
	f := newFront(t, says(http.StatusOK, asJSON, completion), gateway.Options{MaxBodyBytes: int64(len(hello))})
	key, _ := f.key(t, 1000)
	tooLarge := problem(invalidRequest, "body_too_large", fmt.Sprintf("The body is larger than %d bytes: send a smaller one.", len(hello)))
	f.wantRefused(t, f.request(t, key, hello+" "), http.StatusRequestEntityTooLarge, tooLarge)
	chunked := f.request(t, key, "")
	chunked.Body, chunked.ContentLength, chunked.GetBody = io.NopCloser(strings.NewReader(hello+" ")), -1, nil
	f.wantRefused(t, chunked, http.StatusRequestEntityTooLarge, tooLarge)
	if got := f.chat(t, key, hello); got.status != http.StatusOK {
		t.Errorf("at the bound: got %d, want 200", got.status)
	}
}

func TestNextGetsTheBodyAsItCameAndNoSecret(t *testing.T) {
	body := " {\"model\" : \"gpt-4o\",\n\"x\":[\"\\u00e9\xc3\xa9\", 1e400]}\r\n"
	for name, length := range map[string]int64{"with_length": int64(len(body)), "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan *http.Request, 1)
			f := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != body {
					t.Errorf("got body %q, %v, want %q", got, err, body)
				}
				seen <- r
				says(http.StatusOK, asJSON, completion)(w, r)
			}), gateway.Options{})
			key, id := f.key(t, 1000, func(u *token.Settings) { u.Group = new("vip") })
			r := f.request(t, key, body)
			r.ContentLength, r.GetBody = length, nil
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			if got := send(t, r); got.status != http.StatusOK {
				t.Fatalf("got %d %s, want 200", got.status, got.body)
			}
			in := <-seen
			if in.ContentLength != length {
				t.Errorf("got Content-Length %d, want %d", in.ContentLength, length)
			}
			for _, name := range []string{"Authorization", "Accept-Encoding", "Upgrade"} {
				if got := in.Header.Get(name); got != "" {
					t.Errorf("next got %s: %s", name, got)
				}
			}
			got, ok := gateway.GrantOf(in.Context())
			if want := (gateway.Grant{UserID: f.Access.UserID, TokenID: id, Group: "vip", Model: "gpt-4o", RequestID: got.RequestID}); !ok || got != want || got.RequestID == "" {
				t.Errorf("got grant %+v, %v, want %+v", got, ok, want)
			}
		})
	}
}

func TestTheClientsAddressIsThatOfItsConnectionUnlessAProxyIsTrusted(t *testing.T) {
	here := func(u *token.Settings) { u.AllowIPs = []string{"127.0.0.0/8"} }
	there := func(u *token.Settings) { u.AllowIPs = []string{"203.0.113.7"} }
	for name, c := range map[string]struct {
		clientIP  func(*http.Request) netip.Addr
		limit     func(*token.Settings)
		forwarded []string
		status    int
	}{
		"connection":         {nil, here, []string{"203.0.113.7"}, 200},
		"connection/forged":  {nil, there, []string{"203.0.113.7"}, 403},
		"proxy":              {gateway.ForwardedFor, there, []string{"198.51.100.1, 203.0.113.7"}, 200},
		"proxy/with_port":    {gateway.ForwardedFor, there, []string{"203.0.113.7:4711"}, 200},
		"proxy/two_headers":  {gateway.ForwardedFor, there, []string{"198.51.100.1", "203.0.113.7"}, 200},
		"proxy/forged":       {gateway.ForwardedFor, there, []string{"203.0.113.7, 198.51.100.1"}, 403},
		"proxy/none":         {gateway.ForwardedFor, here, nil, 403},
		"proxy/no_address":   {gateway.ForwardedFor, here, []string{"unknown"}, 403},
		"proxy/none_limited": {gateway.ForwardedFor, func(*token.Settings) {}, nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, says(http.StatusOK, asJSON, completion), gateway.Options{ClientIP: c.clientIP})
			key, _ := f.key(t, 1000, c.limit)
			r := f.request(t, key, hello)
			r.Header["X-Forwarded-For"] = c.forwarded
			if got := send(t, r); got.status != c.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, c.status)
			}
		})
	}
}

func TestEveryProblemIsJSONWhateverWritesIt(t *testing.T) {
	w := httptest.NewRecorder()
	gateway.ErrorResponse{Status: 502, Type: "server_error", Code: "upstream_unreachable", Message: `A "quoted" word.`}.Write(w)
	if want := problem("server_error", "upstream_unreachable", `A "quoted" word.`); w.Code != 502 || !bytes.Equal(w.Body.Bytes(), []byte(want)) {
		t.Errorf("got %d %s, want 502 %s", w.Code, w.Body, want)
	}
}
