package gateway_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A key that is used faster than its rates allow gets 429 with the headers that
// say when to try again.
func TestRates(t *testing.T) {
	for name, c := range map[string]struct {
		limit                 func(*token.Settings)
		accepted              int
		message, retryAfter   string
		policy, first, second string // the headers RateLimit-Policy, and RateLimit of the first request and of the refusal
	}{
		"requests": {
			func(u *token.Settings) { u.RequestsPerMinute = new(int64(2)) }, 2,
			"This API key sends requests faster than it may. Wait for the number of seconds in Retry-After, then try again.", "30",
			`"requests";q=2;w=60`, `"requests";r=1;t=30`, `"requests";r=0;t=60`,
		},
		"units": {
			func(u *token.Settings) { u.UnitsPerMinute = new(int64(530)) }, 1,
			"This API key sends units faster than it may. Wait for the number of seconds in Retry-After, then try again.", "1",
			`"units";q=530;w=60`, `"units";r=13;t=59`, `"units";r=509;t=3`, // a request holds 517 units and costs 21
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
			key, _ := s.newKey(t, 1000, c.limit)
			for i := range c.accepted {
				got := s.chat(t, key, hello)
				if got.status != http.StatusOK || got.header.Get("RateLimit-Policy") != c.policy || i == 0 && got.header.Get("RateLimit") != c.first {
					t.Fatalf("request %d: got %d, RateLimit-Policy %q, RateLimit %q, want 200, %q, %q",
						i+1, got.status, got.header.Get("RateLimit-Policy"), got.header.Get("RateLimit"), c.policy, c.first)
				}
				<-s.finished
			}
			got := s.wantRefused(t, s.chatRequest(t, key, hello), http.StatusTooManyRequests, errorBody("rate_limit_error", "rate_limit_exceeded", c.message))
			if got.header.Get("Retry-After") != c.retryAfter || got.header.Get("RateLimit") != c.second {
				t.Errorf("got Retry-After %q, RateLimit %q, want %q, %q", got.header.Get("Retry-After"), got.header.Get("RateLimit"), c.retryAfter, c.second)
			}
			<-s.finished
			s.Clock.Advance(30)
			if got := s.chat(t, key, hello); got.status != http.StatusOK {
				t.Errorf("later: got %d %s, want 200", got.status, got.body)
			}
		})
	}
}

// A quota that renews is refused with the time at which it renews. A request
// that only a part of it pays for is held to that part.
func TestWindowOfKey(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
	key, _ := s.newKey(t, 1000, func(u *token.Settings) {
		u.Windows = []token.Window{{Period: period.Period{Length: "5h"}, Quota: 30}}
	})
	for _, charged := range []int64{21, 30} {
		if got := s.chat(t, key, hello); got.status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", got.status, got.body)
		}
		s.wantUsed(t, key, 1000, charged)
	}
	renews := time.Unix(dynamotest.Epoch+5*3600, 0).UTC().Format(time.RFC3339)
	got := s.wantRefused(t, s.chatRequest(t, key, hello), http.StatusTooManyRequests, errorBody("insufficient_quota", "insufficient_quota",
		fmt.Sprintf("This API key has 0 units left in this period (5h), and the request may need 517. The quota renews at %s.", renews)))
	if got.header.Get("Retry-After") != "18000" || got.header.Get("X-Should-Retry") != "false" {
		t.Errorf("got Retry-After %q, X-Should-Retry %q, want 18000, false", got.header.Get("Retry-After"), got.header.Get("X-Should-Retry"))
	}
	s.Clock.Advance(5 * 3600)
	if got := s.chat(t, key, hello); got.status != http.StatusOK {
		t.Errorf("in the next period: got %d %s, want 200", got.status, got.body)
	}
}

// A budget of all keys of a user is refused with the time at which it renews, if
// it does. A request that only a part of it pays for is held to that part.
func TestBudgetOfKey(t *testing.T) {
	for name, c := range map[string]struct {
		period             period.Period
		advice, retryAfter string
	}{
		"lifetime": {period.Period{}, " Ask the issuer of the key to raise it.", ""},
		"renewing": {period.Period{Length: "5h"}, " It renews at " + time.Unix(dynamotest.Epoch+5*3600, 0).UTC().Format(time.RFC3339) + ".", "18000"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
			users := &token.UserService{Store: s.store, Now: s.Clock.Now}
			if _, err := users.SetBudget(t.Context(), "gateway", &token.Budget{Units: 30, Period: c.period}, func(int64, int64) {}); err != nil {
				t.Fatal(err)
			}
			first, _ := s.newKey(t, 1000)
			second, _ := s.newKey(t, 1000)
			for _, key := range []string{first, second} {
				if got := s.chat(t, key, hello); got.status != http.StatusOK {
					t.Fatalf("got %d %s, want 200", got.status, got.body)
				}
			}
			s.wantUsed(t, first, 1000, 21)
			s.wantUsed(t, second, 1000, 9)
			got := s.wantRefused(t, s.chatRequest(t, first, hello), http.StatusTooManyRequests, errorBody("insufficient_quota", "insufficient_quota",
				"The budget of this API key's account does not have the 517 units that the request may need."+c.advice))
			if got.header.Get("Retry-After") != c.retryAfter || got.header.Get("X-Should-Retry") != "false" {
				t.Errorf("got Retry-After %q, X-Should-Retry %q, want %q, false", got.header.Get("Retry-After"), got.header.Get("X-Should-Retry"), c.retryAfter)
			}
			if c.retryAfter == "" {
				return
			}
			s.Clock.Advance(5 * 3600)
			if got := s.chat(t, first, hello); got.status != http.StatusOK {
				t.Errorf("in the next period: got %d %s, want 200", got.status, got.body)
			}
		})
	}
}

// A response that takes longer than its hold is charged although the key has
// reached its rate meanwhile.
func TestLateChargeIgnoresRates(t *testing.T) {
	var s *server
	s = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Clock.Advance(int64(gate.MaxTTL/time.Second) + 1)
		key, _ := s.key.Load().(string)
		if v, err := s.gate.Verify(r.Context(), key, quota.Question{Quota: 530}); err != nil || !v.Valid() {
			t.Errorf("another request: got %q, %v, want it valid", v.Refusal, err)
		}
		respond(http.StatusOK, jsonType, completionOf(700))(w, r)
	}), gateway.Options{TTL: gate.MaxTTL})
	key, _ := s.newKey(t, 2000, func(u *token.Settings) { u.UnitsPerMinute = new(int64(530)) })
	s.key.Store(key)
	if got := s.chat(t, key, hello); got.status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", got.status, got.body)
	}
	s.wantUsed(t, key, 2000, 530+700)
}

// Nothing that happens to a key during a request makes it free, also if the hold
// has expired meanwhile: the key need not be allowed to be used any more.
func TestLateChargeOfRefusedKey(t *testing.T) {
	for name, change := range map[string]func(s *server, at credential.AccessToken, id int64) error{
		"disabled": func(s *server, at credential.AccessToken, id int64) error {
			_, err := s.Update(t.Context(), at, id, token.Settings{Disabled: new(true)})
			return err
		},
		"expired": func(s *server, at credential.AccessToken, id int64) error {
			_, err := s.Update(t.Context(), at, id, token.Settings{ExpiredTime: new(int64(1))})
			return err
		},
		"rotated": func(s *server, at credential.AccessToken, id int64) error {
			rotation, err := s.NewKeyRotation(t.Context(), at, id, 0)
			if err == nil {
				_, err = s.Rotate(t.Context(), at, id, rotation)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var s *server
			var id int64
			s = newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.Clock.Advance(int64(gate.MaxTTL/time.Second) + 1)
				if err := change(s, s.Access, id); err != nil {
					t.Error(err)
				}
				respond(http.StatusOK, jsonType, completionOf(700))(w, r)
			}), gateway.Options{TTL: gate.MaxTTL})
			var key string
			key, id = s.newKey(t, 1000)
			if got := s.chat(t, key, hello); got.status != http.StatusOK {
				t.Fatalf("got %d %s, want 200", got.status, got.body)
			}
			if got, err := s.Get(t.Context(), s.Access, id); err != nil || got.UsedAt(s.Clock.Now().Unix()) != 700 {
				t.Errorf("got %d units used, %v, want 700", got.UsedAt(s.Clock.Now().Unix()), err)
			}
		})
	}
}
