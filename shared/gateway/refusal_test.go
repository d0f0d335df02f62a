package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A key that does not allow a request gets an error response in OpenAI's
// format.
func TestRefusal(t *testing.T) {
	unknownKey := func(key string) string {
		mask := "**********"
		if len(key) > 40 {
			mask = key[:5] + "…" + key[len(key)-4:]
		}
		return "Incorrect API key provided: " + mask + ". Check that it is complete; it may have been deleted. The issuer of the key can give you another."
	}
	s := newServer(t, notCalled(t), gateway.Options{})
	newKey := func(units int64, limits ...func(*token.Settings)) string {
		key, _ := s.newKey(t, units, limits...)
		return key
	}
	expiring := newKey(1000, func(u *token.Settings) { u.ExpiredTime = new(int64(dynamotest.Epoch + 10)) })
	s.Clock.Advance(10)
	deleted, id := s.newKey(t, 1000)
	if err := s.Delete(t.Context(), s.Access, id); err != nil {
		t.Fatal(err)
	}
	strange := credential.NewKey(1, 99).Reveal()
	for name, c := range map[string]struct {
		key, body  string
		status     int
		kind, code string
		message    string
	}{
		"no_key":    {"", hello, 401, invalidRequest, "invalid_api_key", "You didn't provide an API key. Send the sk- key in the Authorization header, after the word Bearer."},
		"malformed": {"sk-nonsense", hello, 401, invalidRequest, "invalid_api_key", unknownKey("sk-nonsense")},
		"unknown":   {strange, hello, 401, invalidRequest, "invalid_api_key", unknownKey(strange)},
		"deleted":   {deleted, hello, 401, invalidRequest, "invalid_api_key", unknownKey(deleted)},
		"disabled":  {newKey(1000, func(u *token.Settings) { u.Disabled = new(true) }), hello, 401, invalidRequest, "key_disabled", "This API key is disabled. Ask the issuer of the key to enable it."},
		"expired":   {expiring, hello, 401, invalidRequest, "key_expired", "This API key has expired. Ask the issuer of the key to extend it, or for a new one."},
		"model": {
			newKey(1000, func(u *token.Settings) { u.ModelLimitsEnabled, u.Models = new(true), []string{"gpt-4o-mini"} }), hello, 403, "permission_error", "model_not_allowed",
			"This API key does not allow this model. Use an allowed model, or ask the issuer of the key to allow this one.",
		},
		"model_of_another_pattern": {
			newKey(1000, func(u *token.Settings) { u.ModelLimitsEnabled, u.Models = new(true), []string{"gpt-4o-*"} }), hello, 403, "permission_error", "model_not_allowed",
			"This API key does not allow this model. Use an allowed model, or ask the issuer of the key to allow this one.",
		},
		"ip": {
			newKey(1000, func(u *token.Settings) { u.AllowIPs = []string{"203.0.113.0/24"} }), hello, 403, "permission_error", "ip_not_allowed",
			"This API key does not allow your IP address. Use an allowed address, or ask the issuer of the key to allow yours.",
		},
		"exhausted": {
			newKey(0), hello, 429, "insufficient_quota", "insufficient_quota",
			"This API key has no units left. Ask the issuer of the key for more quota.",
		},
		"exhausted/less_than_max_tokens": {
			newKey(99), `{"model":"gpt-4o","max_tokens":50,"n":2}`, 429, "insufficient_quota", "insufficient_quota",
			"This API key has 99 units left, and the request may need 110. Reduce the maximum number of tokens, or ask the issuer of the key for more quota.",
		},
	} {
		t.Run(fmt.Sprintf("%d/%s", c.status, name), func(t *testing.T) {
			got := s.wantRefused(t, s.chatRequest(t, c.key, c.body), c.status, errorBody(c.kind, c.code, c.message))
			if hasChallenge := got.header.Get("WWW-Authenticate") == "Bearer"; hasChallenge != (c.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate: got %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// A key that the operator has stopped is refused with another message than one
// that its owner has disabled.
func TestStoppedKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, notCalled(t), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	users := &token.UserService{Store: s.store, Now: s.Clock.Now}
	all, err := users.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := users.Disable(t.Context(), all[0].Name, true, nil); err != nil {
		t.Fatal(err)
	}
	s.wantRefused(t, s.chatRequest(t, key, hello), http.StatusUnauthorized, errorBody(invalidRequest, "key_disabled",
		"The operator has stopped this API key and all others of its issuer. Ask the issuer of the key to contact the operator."))
}

// A key allows the models that a pattern of its token stands for.
func TestModelPattern(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
	for _, pattern := range []string{"gpt-4*", "gpt-4o*", "*"} {
		key, _ := s.newKey(t, 1000, func(u *token.Settings) { u.ModelLimitsEnabled, u.Models = new(true), []string{pattern} })
		if got := s.chat(t, key, hello); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", pattern, got.status, got.body)
		}
	}
}

// The first request after a key's deletion is refused.
func TestDeletedKeyIsRefusedAtOnce(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
	for range 50 {
		key, id := s.newKey(t, 1000)
		if got := s.chat(t, key, hello); got.status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", got.status, got.body)
		}
		if err := s.Delete(t.Context(), s.Access, id); err != nil {
			t.Fatal(err)
		}
		if got := s.chat(t, key, hello); got.status != http.StatusUnauthorized {
			t.Fatalf("after the deletion: got %d, want 401", got.status)
		}
	}
}

// A request beyond the limit of open holds is refused, and may be sent again.
func TestTooManyOpenRequests(t *testing.T) {
	finish := make(chan struct{})
	var started atomic.Int64
	allStarted := make(chan struct{})
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if started.Add(1) == quota.MaxOpenHolds {
			close(allStarted)
		}
		<-finish
		respond(http.StatusOK, jsonType, completion)(w, r)
	}), gateway.Options{})
	key, _ := s.newKey(t, 100_000)
	for range quota.MaxOpenHolds {
		go s.chat(t, key, hello)
	}
	<-allStarted
	got := s.wantRefused(t, s.chatRequest(t, key, hello), http.StatusTooManyRequests, errorBody("rate_limit_error", "too_many_open",
		"This API key has 50 requests in progress, which is the limit. Wait for the number of seconds in Retry-After, then try again."))
	if seconds := got.header.Get("Retry-After"); seconds != "1" {
		t.Errorf("Retry-After: got %q, want 1", seconds)
	}
	close(finish)
	for range quota.MaxOpenHolds + 1 {
		<-s.finished
	}
	s.checkUsage(t, key, 100_000, 21*quota.MaxOpenHolds)
}

// If the store can't be reached, no request is forwarded.
func TestUnavailableStoreRefusesAll(t *testing.T) {
	for _, op := range []string{dynamotest.UpdateItem, dynamotest.GetItem} {
		t.Run(op, func(t *testing.T) {
			unavailable := false
			faults := &dynamotest.Faults{Choose: func(called string, _ int) dynamotest.Fault {
				if unavailable && called == op {
					return dynamotest.ConnectionRefused
				}
				return dynamotest.NoFault
			}}
			s := newServer(t, notCalled(t), gateway.Options{}, faults.Configure)
			key, _ := s.newKey(t, 1000)
			unavailable = true
			r := s.chatRequest(t, key, hello)
			if op == dynamotest.GetItem {
				r = s.modelsRequest(t, key)
			}
			got := s.wantRefused(t, r, http.StatusServiceUnavailable, errorBody("server_error", "unavailable",
				"The API key can't be checked at the moment. Wait for the number of seconds in Retry-After, then try again."))
			if seconds := got.header.Get("Retry-After"); seconds != "1" {
				t.Errorf("Retry-After: got %q, want 1", seconds)
			}
			if !strings.Contains(s.log.String(), `"level":"WARN"`) {
				t.Errorf("the log has no warning:\n%s", s.log)
			}
		})
	}
}

// An ErrorResponse is valid JSON whatever its message contains.
func TestErrorResponseIsJSON(t *testing.T) {
	w := httptest.NewRecorder()
	gateway.ErrorResponse{Status: 502, Type: "server_error", Code: "upstream_unreachable", Message: `A "quoted" word.`}.Write(w)
	if want := errorBody("server_error", "upstream_unreachable", `A "quoted" word.`); w.Code != 502 || !bytes.Equal(w.Body.Bytes(), []byte(want)) {
		t.Errorf("got %d %s, want 502 %s", w.Code, w.Body, want)
	}
}
