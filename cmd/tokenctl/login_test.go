package main_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A home is a folder for settings, and what login leaves there.
func home(t *testing.T) (env []string, file string) {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, ".config")
	if runtime.GOOS == "darwin" {
		settings = filepath.Join(dir, "Library", "Application Support")
	}
	return []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + settings}, filepath.Join(settings, "latchkey", "default.json")
}

func loginWith(t *testing.T, env []string, stdin string, args ...string) result {
	t.Helper()
	args = append([]string{"login"}, args...)
	cmd := command(t, env, args)
	cmd.Stdin = strings.NewReader(stdin)
	return finish(t, cmd, args)
}

func TestLoginIsKeptForItsOwnerUntilLogout(t *testing.T) {
	target, u, _ := caller(t)
	env, file := home(t)
	r := loginWith(t, env, u.AccessToken+"\n", "--url", target.URL+"/")
	if want := "You are logged in to " + target.URL + " as profile default.\n"; r.code != 0 || r.stdout != want || r.stderr != "" {
		t.Fatalf("login: got exit %d, %q, %q; want %q", r.code, r.stdout, r.stderr, want)
	}
	for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v; want mode %o", path, info.Mode(), err, want)
		}
	}
	succeed(t, env, "token", "list")
	again := loginWith(t, append(env, "LATCHKEY_ACCESS_TOKEN="+u.AccessToken), u.AccessToken, "--url", target.URL)
	if want := "LATCHKEY_ACCESS_TOKEN is set, and goes before what was saved.\n"; again.code != 0 || again.stderr != want {
		t.Errorf("login beside a variable: got exit %d, stderr %q, want %q", again.code, again.stderr, want)
	}
	refuse(t, tokenctl(t, env, "token", "list", "--profile", "work"), "you are not logged in as profile work: run `tokenctl login --url URL`, or set LATCHKEY_URL and LATCHKEY_ACCESS_TOKEN.")
	refuse(t, tokenctl(t, append(env, "LATCHKEY_URL=http://127.0.0.1:1"), "token", "list"), "LATCHKEY_URL is not where profile default logged in, and its access token is not sent elsewhere: set LATCHKEY_ACCESS_TOKEN too, or unset LATCHKEY_URL.")

	if err := os.Chmod(file, 0o644); err != nil { //nolint:gosec // what is to be refused
		t.Fatal(err)
	}
	refuse(t, tokenctl(t, env, "token", "list"), "others can read "+file+", which has an access token: run `chmod 600 "+file+"`, and have the access token rotated if you share this machine.")

	if got := succeed(t, env, "logout"); got != "You are logged out of profile default.\n" {
		t.Errorf("logout: got %q", got)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("after logout: got %v, want no file", err)
	}
}

func TestLoginSavesOnlyWhatWorks(t *testing.T) {
	target, u, _ := caller(t)
	guest := target.User(t, token.RoleGuest)
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"no stdin":     {"", []string{"--url", target.URL}, "there is no access token on stdin: pipe one in, or run this in a terminal."},
		"malformed":    {"at-short", []string{"--url", target.URL}, "this is no access token, which begins with at- and has 51 characters: copy it again as `tokenctl user create` has printed it, then log in with `tokenctl login`."},
		"not valid":    {credential.NewAccessToken(u.ID, 0).Reveal(), []string{"--url", target.URL}, "the access token is not valid at " + target.URL + ": get a new one from the operator, and log in with `tokenctl login`."},
		"guest":        {guest.AccessToken, []string{"--url", target.URL}, "this user may not manage tokens: ask the operator for the role user."},
		"clear text":   {u.AccessToken, []string{"--url", "http://api.example.com"}, "http://api.example.com would carry your access token in clear text: use https://api.example.com, or reach it through a tunnel on 127.0.0.1."},
		"no URL":       {u.AccessToken, []string{"--url", "api.example.com"}, "the URL of the API is none: give --url or LATCHKEY_URL one such as https://api.example.com."},
		"empty query":  {u.AccessToken, []string{"--url", target.URL + "?"}, "the URL of the API is none: give --url or LATCHKEY_URL one such as https://api.example.com."},
		"fragment":     {u.AccessToken, []string{"--url", target.URL + "/#"}, "the URL of the API is none: give --url or LATCHKEY_URL one such as https://api.example.com."},
		"password":     {u.AccessToken, []string{"--url", "https://me:secret@api.example.com"}, "the URL of the API is none: give --url or LATCHKEY_URL one such as https://api.example.com."},
		"profile name": {u.AccessToken, []string{"--url", target.URL, "--profile", "../x"}, `the profile's name "../x" must be 1 to 50 letters, digits, dots, underscores or hyphens, beginning with a letter or digit.`},
	} {
		t.Run(name, func(t *testing.T) {
			env, file := home(t)
			refuse(t, loginWith(t, env, c.stdin, c.args...), c.want)
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Errorf("got %v, want no file", err)
			}
		})
	}
}
