package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// API8:2023. No answer lets scripts of other sites read it, names the software behind
// it, or shows the inside of a failure, and no method is served that no route has.
func TestSecurityMisconfiguration(t *testing.T) {
	s := newService(t)
	_, at := s.user(t, token.RoleUser)
	inside := regexp.MustCompile(`goroutine |\.go:\d|runtime error|dynamodb|ValidationException|panic|/home/|/usr/`)
	s.each(t, func(t *testing.T, url string) {
		check := func(what string, got answer) {
			t.Helper()
			for name := range got.header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "X-Powered-By" || name == "Set-Cookie" {
					t.Errorf("%s: got the header %s: %q", what, name, got.header[name])
				}
			}
			if found := inside.FindString(got.body); found != "" {
				t.Errorf("%s: the answer has %q", what, found)
			}
			if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") == "" {
				t.Errorf("%s: got the headers %v", what, got.header)
			}
		}
		for _, e := range api.Endpoints() {
			path := strings.Replace(e.Path, wire.IDParameter, "1", 1)
			for _, method := range []string{e.Method, http.MethodOptions, http.MethodTrace, "TRACK", "PROPFIND", http.MethodPatch} {
				for _, body := range []string{bodyFor(e, "1"), "{", `{"ids":[-1e999]}`} {
					got := s.attack(t, url, method, path, body, "Authorization", "Bearer "+at, "Origin", "https://evil.example", "Access-Control-Request-Method", "PUT", "X-Forwarded-Host", "evil.example")
					check(method+" "+path, got)
					if method != e.Method && got.status != http.StatusMethodNotAllowed {
						t.Errorf("%s %s: got %d, want 405", method, path, got.status)
					}
					if strings.Contains(got.header.Get("Location")+got.header.Get("Link"), "evil.example") {
						t.Errorf("%s %s: got the headers %v with another host", method, path, got.header)
					}
				}
			}
		}
		for _, path := range []string{"/", "/docs", "/docs/", "/console/app.js", wire.OpenAPIPath, "/nowhere"} {
			if got := s.attack(t, url, http.MethodGet, path, "", "Origin", "https://evil.example"); len(got.header["Access-Control-Allow-Origin"]) > 0 {
				t.Errorf("%s: got the headers %v", path, got.header)
			}
		}
	})
}

// API9:2023. No other spelling of a path leads to an endpoint without its protection:
// each is answered as unknown, or asks for a credential as the path itself does.
func TestImproperInventoryManagement(t *testing.T) {
	s := newService(t)
	spellings := []func(string) string{
		strings.ToUpper,
		func(p string) string { return p + "/" },
		func(p string) string { return p + "//" },
		func(p string) string { return "/" + p },
		func(p string) string { return p + "%00" },
		func(p string) string { return p + "%20" },
		func(p string) string { return p + ";a=1" },
		func(p string) string { return p + "." },
		func(p string) string { return p + ".json" },
		func(p string) string { return p + "/..;/" },
		func(p string) string { return "/console/.." + p },
		func(p string) string { return "/api/status/.." + strings.TrimPrefix(p, "/api") },
		func(p string) string { return "/docs/%2e%2e" + p },
		func(p string) string { return strings.ReplaceAll(p, "/token", "/%74oken") },
		func(p string) string { return strings.ReplaceAll(p, "/", "//") },
		func(p string) string { return strings.Replace(p, "/api/", "/api%2F", 1) },
		func(p string) string { return strings.Replace(p, "/api/", "/api%5C", 1) },
		func(p string) string { return strings.Replace(p, "/api/", "/api/./", 1) },
		func(p string) string { return strings.Replace(p, "/api/", "/api/v1/", 1) },
		func(p string) string { return strings.Replace(p, "/api/", "/v1/", 1) },
	}
	s.each(t, func(t *testing.T, url string) {
		for _, e := range api.Endpoints() {
			if asksFor(e) == public {
				continue
			}
			for _, spell := range spellings {
				path := spell(strings.Replace(e.Path, wire.IDParameter, "1", 1))
				got := s.attack(t, url, e.Method, path, bodyFor(e, "1"))
				if got.status != http.StatusNotFound && got.status != http.StatusUnauthorized && got.status != http.StatusMethodNotAllowed {
					t.Errorf("%s %s: got %d %s, want 401, 404 or 405", e.Method, path, got.status, got.body)
				}
			}
		}
	})
}
