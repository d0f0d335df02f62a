package main_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// caller serves the API, and is a user with the environment that calls it.
func caller(t *testing.T) (*apitest.Target, *apitest.User, []string) {
	t.Helper()
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	return target, u, []string{"LATCHKEY_URL=" + target.URL, "LATCHKEY_ACCESS_TOKEN=" + u.AccessToken}
}

// settled takes from an output what is another each time.
func settled(out string) string {
	out = regexp.MustCompile(`sk-[0-9A-Za-z]{54}`).ReplaceAllString(out, "KEY")
	out = regexp.MustCompile(`sk-[0-9A-Za-z]{4}\*+[0-9A-Za-z]{4}`).ReplaceAllString(out, "MASK")
	return regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(out, "TIME")
}

func TestATokensLifeInThePeoplesForm(t *testing.T) {
	_, _, env := caller(t)
	for _, c := range []struct{ args, want string }{
		{"list", "You have no tokens: make one with `tokenctl token create NAME`.\n"},
		{"create app --quota 500 --models gpt-4o,gpt-4o-mini --expires 2100-01-31", "Token 1 app is created, and is enabled.\nKey: KEY\nIt won't be shown again.\n"},
		{"create bare", "Token 2 bare is created, and is exhausted.\nKey: KEY\nIt won't be shown again.\n"},
		{"update 2 --quota unlimited --allow-ips 10.0.0.0/8 --group g --name free", "" +
			"ID           2\nName         free\nKey          MASK\nStatus       enabled\nRemain       unlimited\nUsed         0\nExpires      never\n" +
			"Models       all\nAllowed IPs  10.0.0.0/8\nGroup        g\nCreated      TIME\nLast used    -\n"},
		{"list", "" +
			"ID  NAME  KEY                    STATUS   REMAIN     USED  EXPIRES               MODELS              LAST USED\n" +
			"2   free  MASK  enabled  unlimited  0     never                 all                 -\n" +
			"1   app   MASK  enabled  500        0     2100-01-31T00:00:00Z  gpt-4o,gpt-4o-mini  -\n"},
		{"list --page-size 1", "" +
			"ID  NAME  KEY                    STATUS   REMAIN     USED  EXPIRES  MODELS  LAST USED\n" +
			"2   free  MASK  enabled  unlimited  0     never    all     -\n" +
			"\n1 of 2 tokens: --page shows others, --all shows all.\n"},
		{"list --keyword none", "You have no such tokens.\n"},
		{"list --page 9", "There are 2 tokens, and none on this page: choose another --page.\n"},
		{"rotate 1 --grace 1h", "Token 1 app has another key. The old key works until TIME.\nKey: KEY\nIt won't be shown again.\n"},
		{"rotate 1", "Token 1 app has another key. The old key has ended.\nKey: KEY\nIt won't be shown again.\n"},
		{"update 1 2 --disable", "2 tokens are disabled.\n"},
		{"delete 1 2 --yes", "2 tokens are deleted.\n"},
	} {
		got := settled(succeed(t, env, append([]string{"token"}, strings.Fields(c.args)...)...))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestATokensLifeInJSON(t *testing.T) {
	_, u, env := caller(t)
	run := func(args ...string) string {
		t.Helper()
		return succeed(t, env, append(append([]string{"token"}, args...), "--json")...)
	}
	made := asJSON[wire.Token](t, run("create", "app", "--quota", "10", "--expires-in", "1d"))
	if v, err := u.Verify(t.Context(), made.Key, wire.VerifyInput{}); err != nil || !v.Valid || v.RemainQuota != 10 {
		t.Fatalf("the new key: got valid %t, %v", v.Valid, err)
	}
	type versioned struct {
		wire.Token
		ETag string `json:"etag"`
	}
	got := asJSON[versioned](t, run("get", "1"))
	if got.Name != "app" || got.ETag != `"1"` || got.Key == made.Key {
		t.Errorf("get: got %q with ETag %s", got.Name, got.ETag)
	}
	changed := asJSON[wire.Token](t, run("update", "1", "--add-quota", "5", "--expires", "never", "--models", "m", "--enable", "--if-match", "1"))
	if changed.RemainQuota != 15 || changed.ExpiredTime != token.Never || !changed.ModelLimitsEnabled {
		t.Errorf("update: got %+v", changed)
	}
	if open := asJSON[wire.Token](t, run("update", "1", "--models", "")); open.ModelLimitsEnabled || len(open.Models) != 0 {
		t.Errorf("update without models: got %v", open.Models)
	}
	if off := asJSON[wire.Token](t, run("update", "1", "--disable")); off.Status != token.Disabled {
		t.Errorf("disable: got status %d", off.Status)
	}
	rotated := asJSON[wire.Token](t, run("rotate", "1"))
	if v, err := u.Verify(t.Context(), rotated.Key, wire.VerifyInput{}); err != nil || v.Code != quota.RefusedDisabled {
		t.Errorf("the rotated key: got code %s, %v", v.Code, err)
	}
	if list := asJSON[wire.TokenPage](t, run("list", "--status", "disabled")); list.Total != 1 || list.Items[0].ID != 1 {
		t.Errorf("list: got %d", list.Total)
	}
	if gone := asJSON[struct{ Count int }](t, run("delete", "1", "--yes")); gone.Count != 1 {
		t.Errorf("delete: got %d", gone.Count)
	}
}

func TestMany(t *testing.T) {
	_, u, env := caller(t)
	const many = 120
	out := succeed(t, env, "token", "create", "app", "--count", fmt.Sprint(many), "--quota", "1", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != many {
		t.Fatalf("got %d lines, want %d", len(lines), many)
	}
	var last wire.Token
	if err := json.Unmarshal([]byte(lines[many-1]), &last); err != nil || last.Name != "app-120" {
		t.Errorf("the last line: got %q, %v", last.Name, err)
	}
	if v, err := u.Verify(t.Context(), last.Key, wire.VerifyInput{}); err != nil || !v.Valid {
		t.Errorf("the last key: got valid %t, %v", v.Valid, err)
	}
	if all := asJSON[wire.TokenPage](t, succeed(t, env, "token", "list", "--all", "--json")); len(all.Items) != many {
		t.Errorf("list --all: got %d, want %d", len(all.Items), many)
	}
	if all := asJSON[wire.TokenPage](t, succeed(t, env, "token", "list", "--all", "--keyword", "APP-11", "--json")); len(all.Items) != 11 {
		t.Errorf("list --all --keyword: got %d, want 11", len(all.Items))
	}
	args := []string{"token", "delete", "--yes"}
	for id := range many + 1 {
		args = append(args, fmt.Sprint(id+1))
	}
	r := tokenctl(t, env, args...)
	want := "token 121: there is no such token among yours: check the id, or list your tokens.\ntokenctl: 120 of 121 tokens are deleted, and 1 are not.\n"
	if r.code != 1 || r.stdout != "" || r.stderr != want {
		t.Errorf("delete: got exit %d, %q, stderr\n%s", r.code, r.stdout, r.stderr)
	}
}

func TestManyStopAtTheLimitAndKeepWhatIsMade(t *testing.T) {
	target, u, env := caller(t)
	if _, err := target.Users.SetLimits(t.Context(), u.Name, func(l *token.Limits) { l.MaxTokens = 60 }); err != nil {
		t.Fatal(err)
	}
	r := tokenctl(t, env, "token", "create", "app", "--count", "70")
	want := "tokenctl: 50 of 70 tokens are made, and no more: you have as many tokens as you may: let the operator raise the limit with `tokenctl user limit NAME --max-tokens N`.\n"
	if r.code != 1 || strings.Count(r.stdout, "\n") != 50 || !strings.HasPrefix(settled(r.stdout), "1\tapp-1\tKEY\n") || r.stderr != want {
		t.Errorf("got exit %d, %d lines, stderr\n%s", r.code, strings.Count(r.stdout, "\n"), r.stderr)
	}
}

func TestWatchShowsAgainUntilCtrlC(t *testing.T) {
	_, u, env := caller(t)
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("first")}); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, env, []string{"token", "list", "--watch", "--interval", "100ms", "--json"})
	out := new(capture.Output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first round", func() bool { return strings.Contains(out.String(), "first") })
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("second")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a round with the change", func() bool { return strings.Contains(out.String(), "second") })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: got %v, want exit 0", err)
	}
	keep(t, "token_list", "stdout", out.String())
	for line := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("got the line %q, want JSON", line)
		}
	}
}

func TestMistakesWithTokensAreOneSentence(t *testing.T) {
	target, u, env := caller(t)
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("app"), RemainQuota: new(int64(1))}); err != nil {
		t.Fatal(err)
	}
	const see = ": see `tokenctl --help`."
	for _, c := range []struct{ args, want string }{
		{"get 7", "there is no such token among yours: check the id, or list your tokens."},
		{"get x", `<id>: expected a valid 64 bit int but got "x"` + see},
		{"create app --models " + strings.Repeat("m", 65), "models must be names of 1 to 64 characters without control characters."},
		{"create app --quota much", `--quota: "much" must be a number of units, such as 500000, or unlimited` + see},
		{"create app --expires soon", `--expires: "soon" must be a time such as 2030-01-31T12:00:00Z, a day such as 2030-01-31, or never` + see},
		{"create app --expires never --expires-in 1d", `--expires-in and --expires can't be used together` + see},
		{"create app --count 0", "--count must be between 1 and 100000."},
		{"create " + strings.Repeat("n", 50) + " --count 2", "name must have 1 to 50 characters, not 52."},
		{"update 1", "there is nothing to change: see `tokenctl token update --help`."},
		{"update 1 2 --name n", "several tokens can be enabled or disabled together, and no more: update them one by one."},
		{"update 1 --quota 1 --add-quota 1", "--quota can't go with --add-quota: give one of them."},
		{"update 1 --add-quota=-2", "the token has less quota left than quota_delta takes away, and nothing was changed: read its remain_quota, or set it."},
		{"update 1 --name n --if-match 9", "the token has been changed since that ETag was read, and nothing was done: look at it with `tokenctl token get ID`, and try again."},
		{"delete 1", "this can't be undone, and nobody can be asked: add --yes if you are sure."},
		{"list --watch --interval 1ms", "--interval must be at least 100ms."},
	} {
		t.Run(c.args, func(t *testing.T) {
			refuse(t, tokenctl(t, env, append([]string{"token"}, strings.Fields(c.args)...)...), c.want)
		})
	}
	at := "LATCHKEY_ACCESS_TOKEN=" + u.AccessToken
	t.Run("unreachable", func(t *testing.T) {
		refuse(t, tokenctl(t, []string{"LATCHKEY_URL=http://127.0.0.1:1", at}, "token", "list"), "the API at http://127.0.0.1:1 can't be reached (connection refused): check that it runs, and the URL.")
	})
	t.Run("unauthorized", func(t *testing.T) {
		other := "LATCHKEY_ACCESS_TOKEN=" + credential.NewAccessToken(u.ID, 0).Reveal()
		refuse(t, tokenctl(t, []string{env[0], other}, "token", "list", "--json"), "the access token is not valid at "+target.URL+": get a new one from the operator, and log in with `tokenctl login`.")
	})
	t.Run("clear_text", func(t *testing.T) {
		refuse(t, tokenctl(t, []string{"LATCHKEY_URL=http://api.example.com", at}, "token", "list"), "http://api.example.com would carry your access token in clear text: use https://api.example.com, or reach it through a tunnel on 127.0.0.1.")
	})
}
