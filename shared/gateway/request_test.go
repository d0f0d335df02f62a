package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/token"
)

// If fewer units are free than estimated, all of them are held.
func TestHoldIsCappedAtBalance(t *testing.T) {
	for name, c := range map[string]struct {
		units int64
		body  string
	}{
		"no_limit":             {1, hello},
		"limit_equals_balance": {20, `{"model":"gpt-4o","max_tokens":20}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
			key, _ := s.newKey(t, c.units)
			if got := s.chat(t, key, c.body); got.status != http.StatusOK {
				t.Errorf("got %d %s, want 200", got.status, got.body)
			}
			s.wantUsed(t, key, c.units, c.units)
		})
	}
}

// A request without a body is checked, and holds and costs nothing.
func TestRequestWithoutModel(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, `{"usage":{"total_tokens":5}}`), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	disabled, _ := s.newKey(t, 1000, func(u *token.Settings) { u.Disabled = new(true) })
	empty, _ := s.newKey(t, 0)
	if got := send(t, s.modelsRequest(t, key)); got.status != http.StatusOK {
		t.Errorf("got %d, want 200", got.status)
	}
	s.wantUsed(t, key, 1000, 0)
	if got := send(t, s.modelsRequest(t, disabled)); got.status != http.StatusUnauthorized {
		t.Errorf("disabled key: got %d, want 401", got.status)
	}
	<-s.finished
	s.wantRefused(t, s.modelsRequest(t, empty), http.StatusTooManyRequests, errorBody("insufficient_quota", "insufficient_quota",
		"This API key has no units left. Ask the issuer of the key for more quota."))
	s.wantRefused(t, s.chatRequest(t, key, "{}"), http.StatusBadRequest, errorBody(invalidRequest, "model_required",
		"The body has no model. Send the name of a model in the field model, as JSON or as a form."))
}

// A body larger than MaxBodyBytes is refused, with and without Content-Length.
func TestBodySizeLimit(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{MaxBodyBytes: int64(len(hello))})
	key, _ := s.newKey(t, 1000)
	tooLarge := errorBody(invalidRequest, "body_too_large", fmt.Sprintf("The body is larger than %d bytes. Send a smaller one.", len(hello)))
	s.wantRefused(t, s.chatRequest(t, key, hello+" "), http.StatusRequestEntityTooLarge, tooLarge)
	chunked := s.chatRequest(t, key, "")
	chunked.Body, chunked.ContentLength, chunked.GetBody = io.NopCloser(strings.NewReader(hello+" ")), -1, nil
	s.wantRefused(t, chunked, http.StatusRequestEntityTooLarge, tooLarge)
	if got := s.chat(t, key, hello); got.status != http.StatusOK {
		t.Errorf("at the limit: got %d, want 200", got.status)
	}
}

// The handler behind the middleware receives the unchanged body and the grant,
// but not the key.
func TestForwardedRequest(t *testing.T) {
	body := " {\"model\" : \"gpt-4o\",\n\"x\":[\"\\u00e9\xc3\xa9\", 1e400]}\r\n"
	for name, length := range map[string]int64{"with_length": int64(len(body)), "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			forwarded := make(chan *http.Request, 1)
			s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != body {
					t.Errorf("got body %q, %v, want %q", got, err, body)
				}
				forwarded <- r
				respond(http.StatusOK, jsonType, completion)(w, r)
			}), gateway.Options{})
			key, id := s.newKey(t, 1000, func(u *token.Settings) { u.Group = new("vip") })
			r := s.chatRequest(t, key, body)
			r.ContentLength, r.GetBody = length, nil
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			if got := send(t, r); got.status != http.StatusOK {
				t.Fatalf("got %d %s, want 200", got.status, got.body)
			}
			in := <-forwarded
			if in.ContentLength != int64(len(body)) {
				t.Errorf("got Content-Length %d, want %d", in.ContentLength, len(body))
			}
			want := http.Header{"Content-Type": {jsonType}, "User-Agent": {"Go-http-client/1.1"}, "Accept-Encoding": {"identity"}}
			if diff := cmp.Diff(want, in.Header); diff != "" {
				t.Errorf("headers differ (-want +got):\n%s", diff)
			}
			got, ok := gateway.GrantOf(in.Context())
			if want := (gateway.Grant{UserID: s.Access.UserID, TokenID: id, Group: "vip", Model: "gpt-4o", HeldUnits: got.HeldUnits, RequestID: got.RequestID}); !ok || got != want || got.HeldUnits < 500 || got.RequestID == "" {
				t.Errorf("got grant %+v, %v, want %+v", got, ok, want)
			}
		})
	}
}

// The address is that of the connection. With ForwardedFor it is the last one in
// X-Forwarded-For, whatever the client writes before it.
func TestClientIP(t *testing.T) {
	loopback := func(u *token.Settings) { u.AllowIPs = []string{"127.0.0.0/8"} }
	remote := func(u *token.Settings) { u.AllowIPs = []string{"203.0.113.7"} }
	for name, c := range map[string]struct {
		clientIP  func(*http.Request) netip.Addr
		limit     func(*token.Settings)
		forwarded []string
		status    int
	}{
		"connection":              {nil, loopback, []string{"203.0.113.7"}, 200},
		"connection/forged":       {nil, remote, []string{"203.0.113.7"}, 403},
		"proxy":                   {gateway.ForwardedFor, remote, []string{"198.51.100.1, 203.0.113.7"}, 200},
		"proxy/with_port":         {gateway.ForwardedFor, remote, []string{"203.0.113.7:4711"}, 200},
		"proxy/two_headers":       {gateway.ForwardedFor, remote, []string{"198.51.100.1", "203.0.113.7"}, 200},
		"proxy/forged":            {gateway.ForwardedFor, remote, []string{"203.0.113.7, 198.51.100.1"}, 403},
		"proxy/no_header":         {gateway.ForwardedFor, loopback, nil, 403},
		"proxy/not_an_address":    {gateway.ForwardedFor, loopback, []string{"unknown"}, 403},
		"proxy/no_header_no_list": {gateway.ForwardedFor, func(*token.Settings) {}, nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{ClientIP: c.clientIP})
			key, _ := s.newKey(t, 1000, c.limit)
			r := s.chatRequest(t, key, hello)
			r.Header["X-Forwarded-For"] = c.forwarded
			if got := send(t, r); got.status != c.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, c.status)
			}
		})
	}
}
