package main_test

import (
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/functions/console/web"
	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func smoke(t *testing.T, url, accessToken string) (string, error) {
	t.Helper()
	return smokeWith(t, url, accessToken, "")
}

func smokeWith(t *testing.T, url, accessToken, input string) (string, error) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "smoke")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // this package
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-url", url) //nolint:gosec // the binary just built
	cmd.Env = append(os.Environ(), "ACCESS_TOKEN="+accessToken)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// withPages serves the API and pages, as a deployed stage does, and returns the
// URL.
func withPages(t *testing.T, kit *dynamotest.Kit, pages ...api.Route) string {
	t.Helper()
	server := httptest.NewServer(apitest.Handler(kit, io.Discard, pages...))
	t.Cleanup(server.Close)
	return server.URL
}

// A run against the whole API covers every operation and page, and leaves no
// token.
func TestRunPasses(t *testing.T) {
	target, kit := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	if _, err := target.Users.SetBudget(t.Context(), u.Name, &token.Budget{Units: 1_000_000}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	out, err := smoke(t, withPages(t, kit, web.Pages()...)+"/", u.AccessToken)
	if err != nil || !strings.HasSuffix(out, "All steps passed; the tokens they created are deleted.\n") {
		t.Fatalf("got %v:\n%s", err, out)
	}
	for _, o := range api.Endpoints() {
		for _, slash := range []string{"", "/"} {
			line := "(?m)^ok  20[01]  " + o.Method + " +" + strings.ReplaceAll(o.Path, "{id}", "[0-9]+") + slash + `(\?| )`
			if !regexp.MustCompile(line).MatchString(out) {
				t.Errorf("the output has no line %s:\n%s", line, out)
			}
		}
	}
	for _, path := range []string{"/", "/docs", "/docs/", wire.OpenAPIPath, wire.OpenAPIPath + "/"} {
		if !regexp.MustCompile("(?m)^ok  200  GET +" + path + " +page$").MatchString(out) {
			t.Errorf("the output has no line for the page %s:\n%s", path, out)
		}
	}
	if found := capture.FindCredential(out); found != "" {
		t.Errorf("the output shows a credential, %.7s…", found)
	}
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != 0 {
		t.Errorf("%d tokens are left, %v; want none", page.Total, err)
	}
}

// A missing or wrong page fails the run.
func TestWrongPageFails(t *testing.T) {
	target, kit := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	page := func(kind, policy string) api.Route {
		return api.PageRoute("/", api.Page{Type: kind, Body: []byte("a"), Policy: policy})
	}
	const html = "text/html; charset=utf-8"
	for name, row := range map[string]struct {
		pages []api.Route
		want  string
	}{
		"missing":        {nil, "smoke: page: GET / answered 404"},
		"other type":     {[]api.Route{page("text/plain", "frame-ancestors 'none'")}, "smoke: page: GET / answered 200, text/plain, want 200, " + html},
		"without policy": {[]api.Route{page(html, "default-src 'none'")}, "smoke: page: GET / has the policy \"default-src 'none'\""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := smoke(t, withPages(t, kit, row.pages...), u.AccessToken)
			if err == nil || !strings.Contains(out, row.want) {
				t.Errorf("got %v:\n%s\nwant %s", err, out, row.want)
			}
		})
	}
}

// The access token may come from the standard input.
func TestAccessTokenFromInput(t *testing.T) {
	target, kit := apitest.Serve(t)
	page := api.Page{Type: "text/html", Body: []byte("<!doctype html>")}
	url := withPages(t, kit, api.PageRoute("/", page))
	out, err := smokeWith(t, url, "", target.User(t, token.RoleUser).AccessToken+"\n")
	if !strings.Contains(out, "ok  201  POST") {
		t.Errorf("got %v:\n%s\nwant steps that pass", err, out)
	}
}

// A wrong access token, URL or call fails the run and says so.
func TestWrongSettingsFail(t *testing.T) {
	target, _ := apitest.Serve(t)
	for name, row := range map[string]struct{ url, accessToken, want string }{
		"wrong access token": {target.URL, credential.NewAccessToken(9, 0).Reveal(), `smoke: create: POST /api/token answered 401 unauthorized`},
		"wrong base URL":     {target.URL + "/prod", "at-x", `smoke: create: POST /api/token answered 404 route_not_found`},
		"nothing given":      {"", "", "smoke: the URL is missing: make smoke URL=https://…"},
		"no access token":    {target.URL, "", "smoke: the access token is missing: set ACCESS_TOKEN, or send it as the first line of the standard input"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := smoke(t, row.url, row.accessToken)
			if err == nil || !strings.HasPrefix(out, row.want) {
				t.Errorf("got %v:\n%s\nwant %s", err, out, row.want)
			}
		})
	}
}
