package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// 10,000 forged credentials, with a wrong checksum or a wrong format, cost no call of the
// table: neither in the API nor in the gateway.
func TestForgedKeysCostNothing(t *testing.T) {
	calls := new(dynamotest.CallRecorder)
	kit := dynamotest.New(t, calls.Configure)
	handler := apitest.Handler(kit, new(bytes.Buffer))
	proxy := gateway.Middleware(gate.New(kit.Store), http.NotFoundHandler(), gateway.Options{Log: slog.New(slog.DiscardHandler)})
	requests := []struct {
		handler            http.Handler
		method, path, body string
	}{
		{handler, http.MethodPost, wire.VerifyPath, `{"quota":1}`},
		{handler, http.MethodPost, wire.ReservePath, `{"quota":1}`},
		{handler, http.MethodGet, wire.UsagePath, ""},
		{handler, http.MethodPost, wire.RevokePath, `{}`},
		{handler, http.MethodGet, wire.TokensPath, ""},
		{proxy, http.MethodPost, "/v1/chat/completions", `{"model":"m"}`},
		{proxy, http.MethodGet, "/v1/models", ""},
	}
	before := calls.Calls()
	const forged = 10_000
	for i := range forged {
		request := requests[i%len(requests)]
		r := httptest.NewRequestWithContext(t.Context(), request.method, request.path, strings.NewReader(request.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+forge(i))
		w := httptest.NewRecorder()
		request.handler.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized && request.path != wire.RevokePath && !strings.Contains(w.Body.String(), `"valid":false`) {
			t.Fatalf("%s: got %d %s, want it refused", request.path, w.Code, w.Body)
		}
	}
	if after := calls.Calls(); !maps.Equal(before, after) {
		t.Errorf("%d forged credentials made calls: before %v, after %v", forged, before, after)
	}
	t.Logf("%d forged credentials, 0 calls of the table", forged)
}

// forge returns a text that resembles a key or an access token and is none.
func forge(i int) string {
	text := credential.NewKey(int64(i+1), int64(i+1)).Reveal()
	if i%2 == 1 {
		text = credential.NewAccessToken(int64(i+1), 0).Reveal()
	}
	at := 4 + i%(len(text)-4)
	switch i / 2 % 5 {
	case 0: // a wrong checksum
		return text[:at] + string("01"[b2i(text[at] == '0')]) + text[at+1:]
	case 1: // two characters exchanged
		if text[at-1] == text[at] {
			return text[:len(text)-1]
		}
		return text[:at-1] + text[at:at+1] + text[at-1:at] + text[at+1:]
	case 2: // too short or too long
		return text[:at]
	case 3:
		return text + text[3:at+1]
	default: // characters of no credential
		return text[:at] + "-" + text[at+1:]
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// An access token with a wrong secret, one of an empty slot and one of no user take the
// same path: the same answer after the same calls of the table. The times of the answers
// are printed, not checked: they contain those of the engine.
func TestTimingOfAccessTokens(t *testing.T) {
	s := newService(t)
	_, at := s.user(t, token.RoleUser)
	parsed, err := credential.ParseAccessToken(at)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func() string{
		"wrong_secret": func() string { return credential.NewAccessToken(parsed.UserID, 0).Reveal() },
		"empty_slot":   func() string { return credential.NewAccessToken(parsed.UserID, 3).Reveal() },
		"no_user":      func() string { return credential.NewAccessToken(1<<39, 0).Reveal() },
	}
	s.prepare(t, http.MethodGet, "/api/token/", at, "")
	bodies, calls, times := map[string]bool{}, map[string]bool{}, map[string][]time.Duration{}
	for range 200 { // interleaved, so that a slow moment affects all
		for kind, forged := range kinds {
			secret, before := forged(), s.calls.Calls()
			started := time.Now()
			got := send(t, s.urls["http"], http.MethodGet, "/api/token/", "", "Authorization", "Bearer "+secret)
			times[kind] = append(times[kind], time.Since(started))
			bodies[volatile.ReplaceAllString(fmt.Sprint(got.status, got.body), "")] = true
			after := s.calls.Calls()
			for operation, n := range before {
				if after[operation] -= n; after[operation] == 0 {
					delete(after, operation)
				}
			}
			calls[fmt.Sprint(after)] = true
		}
	}
	if len(bodies) != 1 || len(calls) != 1 || !calls["map[GetItem:1]"] {
		t.Errorf("got the answers %v and the calls %v, want one of each", slices.Collect(maps.Keys(bodies)), slices.Collect(maps.Keys(calls)))
	}
	for kind, all := range times {
		slices.Sort(all)
		t.Logf("%-12s median %v, quartiles %v and %v", kind, all[len(all)/2], all[len(all)/4], all[len(all)*3/4])
	}
}

// Line breaks and formulas in names, paths, queries and headers add no line to the log,
// no header to an answer and no formula to a CSV file. Each request has one line of JSON.
func TestInjection(t *testing.T) {
	s := newService(t)
	_, at := s.user(t, token.RoleUser)
	const breaks = "a\r\nX-Injected: 1\r\n\r\n{\"level\":\"ERROR\",\"msg\":\"injected\"}"
	s.each(t, func(t *testing.T, base string) {
		lines, sent := strings.Count(s.log.String(), "\n"), 0
		try := func(method, path, body string, headers ...string) {
			t.Helper()
			sent++
			got := s.attack(t, base, method, path, body, append([]string{"Authorization", "Bearer " + at}, headers...)...)
			if got.header["X-Injected"] != nil || got.status >= http.StatusInternalServerError {
				t.Errorf("%s %s: got %d and the headers %v", method, path, got.status, got.header)
			}
		}
		in := url.QueryEscape(breaks)
		for _, path := range []string{"/", "/docs/", "/docs/?", "/api/token/", "/api/token/?p=", "/api/token/search?keyword=", "/api/token/?after=", "/api/user/self/usage.csv?by=", "/api/user/self/usage.csv?after=", "/api/log/self?token_name=", "/api/openapi.json/"} {
			try(http.MethodGet, path+url.PathEscape(breaks), "")
			try(http.MethodGet, path+in, "")
		}
		text, err := json.Marshal(breaks)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"name", "group", "models", "allow_ips", string(text[1 : len(text)-1])} {
			try(http.MethodPut, "/api/token/", fmt.Sprintf(`{"id":1,"%s":%s}`, name, text))
		}
		try(http.MethodPost, wire.WebhooksPath, `{"url":`+string(text)+`}`)
		for _, name := range []string{"User-Agent", "X-Request-Id", "X-Amzn-Trace-Id", "Idempotency-Key", "If-Match", "New-Api-User", "X-Forwarded-For"} {
			try(http.MethodGet, "/api/token/", "", name, "=cmd|' /C calc'!A0\tX-Injected: 1")
		}
		if got := strings.Count(s.log.String(), "\n") - lines; got != sent {
			t.Errorf("got %d lines for %d requests", got, sent)
		}
	})
	for line := range strings.Lines(s.log.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || object["msg"] == "injected" {
			t.Errorf("the log has the line %s (%v)", line, err)
		}
	}
}
