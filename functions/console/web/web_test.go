package web_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/latchkey-api/latchkey/functions/console/web"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// documents are the pages that a browser opens.
func documents() []string { return []string{"/", "/docs"} }

// fetch asks the function for a page, compressed as browsers do if it may be.
func fetch(t *testing.T, target, accepted string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("Accept-Encoding", accepted)
	w := httptest.NewRecorder()
	api.New(api.Services{}, slog.New(slog.DiscardHandler), web.Pages()...).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: got %d, want 200", target, w.Code)
	}
	return w
}

var named = regexp.MustCompile(`\s(?:href|src)="([^"]*)"`)

// assets are what a document loads, by the addresses that it has there.
func assets(t *testing.T, document string) (all []string) {
	t.Helper()
	loaded := regexp.MustCompile(`<(?:link|script|img)\b[^>]*` + named.String())
	for _, address := range loaded.FindAllStringSubmatch(fetch(t, document, "").Body.String(), -1) {
		all = append(all, "/"+address[1]) // both documents are at the root
	}
	if len(all) < 3 {
		t.Fatalf("got %v as the assets of %s, want an icon, a style and a script or more", all, document)
	}
	return all
}

// API Gateway has a route key for each page, of any method, so that HEAD and 405 are answered too.
func TestPagesHaveRouteKeys(t *testing.T) {
	all := api.Functions()
	keys := all[slices.IndexFunc(all, func(f api.Function) bool { return f.Name == api.Console })].RouteKeys
	used := map[string]bool{}
	for _, page := range web.Pages() {
		var found []string
		for _, key := range keys {
			before, isGreedy := strings.CutSuffix(key, "{proxy+}")
			if asked := "ANY " + page.Path; asked == key || isGreedy && strings.HasPrefix(asked, before) {
				found = append(found, key)
				used[key] = true
			}
		}
		if len(found) != 1 {
			t.Errorf("%s has the route keys %q, want one", page.Path, found)
		}
	}
	for _, key := range keys {
		if twin := strings.TrimSuffix(key, "/{proxy+}"); !used[key] && !used[twin] {
			t.Errorf("no page needs the route key %s", key)
		}
	}
}

// The documents load nothing from other sites, and name no path from the root.
func TestNoOtherSites(t *testing.T) {
	for _, document := range documents() {
		text := fetch(t, document, "").Body.String()
		for _, address := range named.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(address[1], "/") || strings.Contains(address[1], ":") {
				t.Errorf("%s names %s, want a relative path, which works below a base path", document, address[1])
			}
		}
		for what, pattern := range map[string]string{
			"a script in it":                 `<script(?:\s[^>]*)?>[^<]`,
			"a style in it":                  `<style|\sstyle\s*=`,
			"an event handler":               `\son[a-z]+\s*=`,
			"an address of another site":     `(?i)(?:https?:)?//[a-z0-9]`,
			"an attribute that is no string": `\s(?:src|href)\s*=\s*[^"\s]`,
		} {
			if found := regexp.MustCompile(pattern).FindString(text); found != "" {
				t.Errorf("%s has %s: %q", document, what, found)
			}
		}
	}
}

// No template has an inline style or event handler, which the policy blocks.
func TestTemplatesWithoutInlineCode(t *testing.T) {
	files, err := filepath.Glob("src/*.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("got no sources (%v), want some", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the project's own file
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`\s(?:style|on[a-z]+)=["$]|javascript:`).Find(text); found != nil {
			t.Errorf("%s has %q", file, found)
		}
	}
}

// Documents load each asset under its version, which browsers cache for good.
func TestAssetVersions(t *testing.T) {
	for _, document := range documents() {
		for _, address := range assets(t, document) {
			if got := fetch(t, address, "gzip").Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
				t.Errorf("%s, which %s names: got Cache-Control %q, want it immutable", address, document, got)
			}
		}
	}
}

// The policies of documents allow scripts and styles of this site only.
func TestContentSecurityPolicy(t *testing.T) {
	for _, document := range documents() {
		policy := fetch(t, document, "").Header().Get("Content-Security-Policy")
		directives := map[string]string{}
		for directive := range strings.SplitSeq(policy, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), " ")
			directives[name] = value
		}
		for name, want := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'",
			"frame-ancestors": "'none'", "form-action": "'none'", "base-uri": "'none'",
		} {
			if got := directives[name]; got != want {
				t.Errorf("%s: got %s %s, want %s", document, name, got, want)
			}
		}
		if strings.Contains(policy, "unsafe-") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
			t.Errorf("%s: got the policy %s, want nothing unsafe and no other site in it", document, policy)
		}
	}
}

// The console stays below its size limit.
func TestConsoleSize(t *testing.T) {
	const most = 100_000
	weight := 0
	for _, address := range append(assets(t, "/"), "/") {
		n := fetch(t, address, "gzip").Body.Len()
		t.Logf("%6d bytes: %s", n, address)
		weight += n
	}
	t.Logf("%6d bytes in all", weight)
	if weight > most {
		t.Errorf("got %d bytes, want at most %d", weight, most)
	}
}

// The OpenAPI document is served as JSON.
func TestOpenAPIAsJSON(t *testing.T) {
	answer := fetch(t, wire.OpenAPIPath, "")
	if got, want := answer.Header().Get("Content-Type"), "application/json; charset=utf-8"; got != want {
		t.Errorf("got type %q, want %q", got, want)
	}
	var got any
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(api.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(withNames(document))
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the document, built with `make console` (-want +got):\n%s", diff)
	}
}

// withNames makes strings of keys that YAML takes for numbers, as the status
// 200.
func withNames(value any) any {
	switch v := value.(type) {
	case map[any]any:
		named := map[string]any{}
		for key, element := range v {
			named[fmt.Sprint(key)] = withNames(element)
		}
		return named
	case map[string]any:
		for key, element := range v {
			v[key] = withNames(element)
		}
	case []any:
		for i, element := range v {
			v[i] = withNames(element)
		}
	}
	return value
}
