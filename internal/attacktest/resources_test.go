package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// API4:2023. A request can make the service neither read nor return more than a page,
// whatever it asks for: it is refused, or gets one page at the cost of one.
func TestUnrestrictedResourceConsumption(t *testing.T) {
	s := newService(t)
	_, at := s.user(t, token.RoleUser)
	tokens := strings.TrimSuffix(strings.Repeat(`{"name":"a"},`, 50), ",")
	for range 3 {
		s.prepare(t, http.MethodPost, wire.BatchCreatePath, at, `{"tokens":[`+tokens+`]}`)
	}
	ids := strings.TrimSuffix(strings.Repeat("1,", 5_000), ",")
	var addresses strings.Builder
	for i := range 1_000 {
		fmt.Fprintf(&addresses, "10.0.%d.%d,", i/250, i%250)
	}
	s.each(t, func(t *testing.T, url string) {
		for _, query := range []string{"page_size=1000000", "size=1000000", "page_size=9223372036854775807", "page_size=-1", "p=9007199254740991", "p=9007199254740991&page_size=100", "p=-1&page_size=100", "page_size=100&page_size=100000"} {
			for _, path := range []string{"/api/token/", wire.SearchPath, wire.SelfAuditPath, wire.FamilyLogPath} {
				before := s.sum()
				got := s.attack(t, url, http.MethodGet, path+"?"+query, "", "Authorization", "Bearer "+at)
				if items := strings.Count(got.body, `"name":"a"`); got.status >= http.StatusInternalServerError || items > 100 || s.sum()-before > 16 {
					t.Errorf("%s?%s: got %d, %d items, %d calls", path, query, got.status, items, s.sum()-before)
				}
			}
		}
		for name, request := range map[string]struct{ method, path, body string }{
			"ids": {http.MethodPost, wire.BatchPath, `{"ids":[` + ids + `]}`}, "keys": {http.MethodPost, wire.BatchKeysPath, `{"ids":[` + ids + `]}`},
			"tokens":      {http.MethodPost, wire.BatchCreatePath, `{"tokens":[` + strings.Repeat(`{"name":"a"},`, 5_000) + `{"name":"a"}]}`},
			"models":      {http.MethodPost, wire.TokensPath, `{"name":"a","models":["` + strings.Repeat(`m","`, 3_000) + `"]}`},
			"windows":     {http.MethodPost, wire.TokensPath, `{"name":"a","windows":[` + strings.Repeat(`{"period":"day","quota":1},`, 300) + `{}]}`},
			"addresses":   {http.MethodPost, wire.TokensPath, `{"name":"a","allow_ips":"` + addresses.String() + `"}`},
			"many_keys":   {http.MethodPost, wire.TokensPath, `{"name":"a"` + strings.Repeat(`,"`+strings.Repeat("k", 3)+`":1`, 1_000) + `}`},
			"deep":        {http.MethodPost, wire.TokensPath, strings.Repeat(`{"a":`, 2_000) + "1" + strings.Repeat("}", 2_000)},
			"large":       {http.MethodPost, wire.TokensPath, `{"name":"` + strings.Repeat("n", 2<<20) + `"}`},
			"large_batch": {http.MethodPost, wire.BatchCreatePath, `{"tokens":[{"name":"` + strings.Repeat("n", 8<<20) + `"}]}`},
			"query":       {http.MethodGet, wire.SelfHistoryPath + "?ids=" + ids, ""},
			"types":       {http.MethodPost, wire.WebhooksPath, `{"url":"https://example.com/","types":["` + strings.Repeat(`a","`, 3_000) + `"]}`},
		} {
			before := s.sum()
			got := s.attack(t, url, request.method, request.path, request.body, "Authorization", "Bearer "+at)
			if got.status != http.StatusBadRequest && got.status != http.StatusRequestEntityTooLarge || s.sum()-before > 2 {
				t.Errorf("%s: got %d %.200s and %d calls, want 400 or 413 and up to two calls, to authenticate", name, got.status, got.body, s.sum()-before)
			}
		}
	})
}

// sum returns how many calls of the table were made.
func (s *service) sum() (calls int) {
	for _, n := range s.calls.Calls() {
		calls += n
	}
	return calls
}

// API6:2023. However many requests create tokens at a time, a user gets no more than
// the operator allows, and no more at once than a burst.
func TestUnrestrictedAccessToSensitiveFlows(t *testing.T) {
	s := newService(t)
	s.each(t, func(t *testing.T, url string) {
		for limit, limits := range map[string]token.Limits{"max_tokens": {MaxTokens: 30}, "burst": {CreatesPerSecond: 1, CreateBurst: 30}} {
			name, at := s.user(t, token.RoleUser)
			if _, err := s.users.SetLimits(t.Context(), name, func(l *token.Limits) { *l = limits }); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					for _, request := range []struct{ path, body string }{{wire.BatchCreatePath, `{"tokens":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}`}, {wire.TokensPath, `{"name":"e"}`}} {
						send(t, url, http.MethodPost, request.path, request.body, "Authorization", "Bearer "+at) // shows keys
					}
				})
			}
			all.Wait()
			var total int
			if _, err := fmt.Sscanf(s.prepare(t, http.MethodGet, "/api/token/", at, ""), `{"success":true,"message":"","data":{"page":1,"page_size":10,"total":%d`, &total); err != nil {
				t.Fatal(err)
			}
			// A slow machine may take seconds, in which the rate allows one token each.
			if most := map[string]int{"max_tokens": 30, "burst": 45}[limit]; total > most || total < 10 {
				t.Errorf("%s: got %d tokens, want at most %d", limit, total, most)
			}
		}
	})
}

// API7:2023. No webhook is made or changed to an address that is not public, however
// it is written. TestDNSRebinding has what names resolve to.
func TestServerSideRequestForgery(t *testing.T) {
	s := newService(t)
	_, at := s.user(t, token.RoleUser)
	s.prepare(t, http.MethodPost, wire.WebhooksPath, at, `{"url":"https://example.com/hook"}`)
	before := s.prepare(t, http.MethodGet, wire.WebhooksPath, at, "")
	s.each(t, func(t *testing.T, url string) {
		for _, target := range []string{
			"http://example.com/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.0.0.1/", "https://192.168.0.1/", "https://172.16.0.1/", "https://169.254.169.254/latest/meta-data/",
			"https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[fd00:ec2::254]/", "https://[fe80::1]/", "https://2130706433/", "https://0x7f000001/",
			"https://0177.0.0.1/", "https://127.1/", "https://0/", "https://①②⑦.⓪.⓪.①/", "https://example.com@127.0.0.1/", "https://127.0.0.1#@example.com/", "https://user:pass@example.com/",
			"https://example.com:22/", "https://example.com\\\\@127.0.0.1/", "https://example.com%00.127.0.0.1/", "https://metadata.google.internal/", "https://localhost./", "file:///etc/passwd",
			"gopher://127.0.0.1/", "//127.0.0.1/", "https:///127.0.0.1/", "https://127.0.0.1\\u0009/", "https://exa\\r\\nmple.com/", "jar:https://example.com!/", "",
		} {
			for method, path := range map[string]string{http.MethodPost: wire.WebhooksPath, http.MethodPut: wire.WebhooksPath + "/1"} {
				got := s.attack(t, url, method, path, `{"url":"`+target+`"}`, "Authorization", "Bearer "+at)
				if got.status != http.StatusBadRequest {
					t.Errorf("%s %s: got %d %s, want 400", method, target, got.status, got.body)
				}
			}
		}
	})
	if after := s.prepare(t, http.MethodGet, wire.WebhooksPath, at, ""); after != before {
		t.Errorf("the webhooks were %s\nand are %s", before, after)
	}
}
