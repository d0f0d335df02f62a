package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/api/apitest"
	"github.com/latchkey-api/latchkey/shared/capture"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
)

func smoke(t *testing.T, url, accessToken string) (string, error) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "smoke")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // this package
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-url", url) //nolint:gosec // the binary just built
	cmd.Env = append(os.Environ(), "ACCESS_TOKEN="+accessToken)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestWalkPassesAndLeavesNothingBehind(t *testing.T) {
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	out, err := smoke(t, target.URL+"/", u.AccessToken)
	if err != nil || !strings.HasSuffix(out, "all is well, and what was made is deleted\n") {
		t.Fatalf("got %v:\n%s", err, out)
	}
	for _, o := range api.Operations() {
		for _, slash := range []string{"", "/"} {
			line := "(?m)^ok  20[01]  " + o.Method + " +" + strings.ReplaceAll(o.Path, "{id}", "[0-9]+") + slash + `(\?| )`
			if !regexp.MustCompile(line).MatchString(out) {
				t.Errorf("the walk has no line %s:\n%s", line, out)
			}
		}
	}
	if found := capture.Credential(out); found != "" {
		t.Errorf("the walk printed a credential, %.7s…", found)
	}
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != 0 {
		t.Errorf("%d tokens are left, %v; want none", page.Total, err)
	}
}

func TestWalkFailsWhereTheAPIIsNot(t *testing.T) {
	target, _ := apitest.Serve(t)
	for name, row := range map[string]struct{ url, accessToken, want string }{
		"wrong access token": {target.URL, token.NewAccessToken(9, 0).Reveal(), `smoke: create: POST /api/token answered 401 unauthorized`},
		"wrong base URL":     {target.URL + "/prod", "at-x", `smoke: create: POST /api/token answered 404 route_not_found`},
		"nothing given":      {"", "", "smoke: set URL and TOKEN, as in: make smoke URL=https://… TOKEN=at-…"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := smoke(t, row.url, row.accessToken)
			if err == nil || !strings.HasPrefix(out, row.want) {
				t.Errorf("got %v:\n%s\nwant %s", err, out, row.want)
			}
		})
	}
}
