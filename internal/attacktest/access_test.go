package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// API2:2023. Every endpoint but the public ones refuses every wrong credential, however
// it is sent: with 401, or with the verdict that the key is not valid.
func TestBrokenAuthentication(t *testing.T) {
	s := newService(t)
	name, at := s.user(t, token.RoleUser)
	key := field(t, s.prepare(t, http.MethodPost, "/api/token/", at, `{"name":"a","unlimited_quota":true}`), "key")
	gone := field(t, s.prepare(t, http.MethodPost, "/api/token/", at, `{"name":"b","unlimited_quota":true}`), "key")
	s.prepare(t, http.MethodDelete, "/api/token/2", at, "")
	rotated, err := s.users.RotateAccessToken(t.Context(), name, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	revoked, at := at, rotated.Issued.Reveal()
	s.secrets["new access token"] = at
	s.each(t, func(t *testing.T, url string) {
		for _, e := range api.Endpoints() {
			good, other := at, key
			if asksFor(e) == byKey {
				good, other = key, at
			}
			if asksFor(e) == public {
				continue
			}
			path, body := strings.Replace(e.Path, wire.IDParameter, "1", 1), bodyFor(e, "1")
			for name, headers := range wrongCredentials(good, other, revoked, gone) {
				for _, path := range []string{path, path + "?access_token=" + good + "&key=" + good} {
					got := s.attack(t, url, e.Method, path, body, headers...)
					if got.status != http.StatusUnauthorized && !strings.Contains(got.body, `"valid":false`) {
						t.Errorf("%s with %s: got %d %s, want 401", e.Name, name, got.status, got.body)
					}
				}
			}
		}
	})
}

// wrongCredentials returns headers of requests that must be refused. other is a valid
// credential of the other kind.
func wrongCredentials(good, other, revoked, deleted string) map[string][]string {
	authorization := func(values ...string) (headers []string) {
		for _, value := range values {
			headers = append(headers, "Authorization", value)
		}
		return headers
	}
	return map[string][]string{
		"none": nil, "empty": authorization(""), "scheme_alone": authorization("Bearer"), "other_kind": authorization("Bearer " + other),
		"truncated": authorization("Bearer " + good[:len(good)-1]), "longer": authorization("Bearer " + good + "0"), "other_scheme": authorization("Basic " + good),
		"upper_case": authorization("Bearer " + strings.ToUpper(good)), "blank_inside": authorization("Bearer " + good[:20] + " " + good[20:]),
		"comma": authorization("Bearer " + good + "," + good), "wrong_first": authorization("Bearer "+credential.NewAccessToken(1, 0).Reveal(), "Bearer "+good),
		"other_header": {"X-Access-Token", good, "X-Forwarded-Authorization", "Bearer " + good, "Cookie", "Authorization=" + good},
		"revoked":      authorization("Bearer " + revoked), "deleted": authorization("Bearer " + deleted), "masked": authorization("Bearer " + credential.NewSecret(good).Mask()),
		"unknown_user": authorization("Bearer " + credential.NewAccessToken(1<<39, 0).Reveal()), "unknown_key": authorization("Bearer " + credential.NewKey(1, 1).Reveal()),
	}
}

// API5:2023. A user who may not manage tokens can call no endpoint that manages them,
// headers and parameters don't change the method of a request, and no path leads to a
// function of the operator.
func TestBrokenFunctionLevelAuthorization(t *testing.T) {
	s := newService(t)
	_, guest := s.user(t, token.RoleGuest)
	_, user := s.user(t, token.RoleUser)
	s.prepare(t, http.MethodPost, "/api/token/", user, `{"name":"a"}`)
	s.each(t, func(t *testing.T, url string) {
		for _, e := range api.Endpoints() {
			if asksFor(e) != byUser {
				continue
			}
			got := s.attack(t, url, e.Method, strings.Replace(e.Path, wire.IDParameter, "1", 1), bodyFor(e, "1"), "Authorization", "Bearer "+guest)
			if got.status != http.StatusForbidden {
				t.Errorf("%s by a guest: got %d %s, want 403", e.Name, got.status, got.body)
			}
		}
		for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
				s.attack(t, url, method, "/api/token/1?_method=DELETE&method=DELETE", `{"_method":"DELETE"}`, "Authorization", "Bearer "+user, name, "DELETE")
			}
		}
		for _, path := range []string{
			"/api/user", "/api/user/", "/api/user/1", "/api/user/manage", "/api/user/search", "/api/user/self/limits", "/api/user/self/groups/vip", "/api/channel/", "/api/option/",
			"/api/redemption/", "/api/setup", "/api/data", "/api/log", "/api/log/", "/api/prices", "/admin", "/metrics", "/debug/pprof/", "/debug/vars", "/healthz", "/.env", "/.git/config",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
				if got := s.attack(t, url, method, path, `{"id":1,"role":100,"quota":1}`, "Authorization", "Bearer "+user); got.status != http.StatusNotFound {
					t.Errorf("%s %s: got %d %s, want 404", method, path, got.status, got.body)
				}
			}
		}
		for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			if got := s.attack(t, url, method, wire.BudgetPath, `{"units":9000}`, "Authorization", "Bearer "+user); got.status != http.StatusMethodNotAllowed {
				t.Errorf("%s of the budget: got %d %s, want 405", method, got.status, got.body)
			}
		}
	})
	s.prepare(t, http.MethodGet, "/api/token/1", user, "")
}
