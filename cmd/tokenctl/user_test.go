package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// issued is what create and rotate print with --json.
type issued struct {
	UserID      int64  `json:"user_id"`
	Name        string `json:"name"`
	AccessToken string `json:"access_token"`
	Revoked     int    `json:"revoked"`
}

func TestAUsersLifeAsItsAccessTokensSeeIt(t *testing.T) {
	s := serving(t, anyPort(t.TempDir()))
	env := []string{"DYNAMODB_ENDPOINT=" + s.endpoint}
	want := func(accessToken, answer, when string) {
		t.Helper()
		if got := ask(t, s.url, accessToken); got != answer {
			t.Errorf("%s: got %s, want %s", when, got, answer)
		}
	}
	rotate := func(flags ...string) issued {
		t.Helper()
		return asJSON[issued](t, succeed(t, env, append([]string{"user", "rotate", "alice", "--json"}, flags...)...))
	}

	first := asJSON[issued](t, succeed(t, env, "user", "create", "alice", "--json")).AccessToken
	want(first, "200", "created")

	second := rotate().AccessToken
	want(first, "200", "first, rotated")
	want(second, "200", "second, rotated")

	if done := rotate("--revoke"); done.AccessToken != "" || done.Revoked != 1 {
		t.Errorf("revoke: got %d revoked and a new access token: %t, want 1 and none", done.Revoked, done.AccessToken != "")
	}
	want(first, "401 unauthorized", "first, revoked")
	want(second, "200", "second, first revoked")

	third := rotate("--revoke")
	want(second, "401 unauthorized", "second, both steps at once")
	want(third.AccessToken, "200", "third, both steps at once")

	succeed(t, env, "user", "disable", "alice")
	want(third.AccessToken, "403 user_disabled", "disabled")
	succeed(t, env, "user", "enable", "alice")
	want(third.AccessToken, "200", "enabled")

	fourth := rotate("--expires-in", "1s").AccessToken
	eventually(t, "the access token expires", func() bool { return ask(t, s.url, fourth) == "401 unauthorized" })
	want(third.AccessToken, "200", "third, fourth expired")

	guest := asJSON[issued](t, succeed(t, env, "user", "create", "bob", "--role", "guest", "--json")).AccessToken
	want(guest, "403 forbidden", "guest")
	brief := asJSON[issued](t, succeed(t, env, "user", "create", "carol", "--expires-in", "1s", "--json")).AccessToken
	eventually(t, "the first access token expires", func() bool { return ask(t, s.url, brief) == "401 unauthorized" })
	want(s.accessToken, "200", "demo")
}

func TestMistakesWithUsersAreOneSentence(t *testing.T) {
	kit := dynamotest.New(t)
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	succeed(t, env, "user", "create", "alice")
	for range 4 {
		succeed(t, env, "user", "rotate", "alice")
	}
	unknown := "there is no user bob at " + kit.Endpoint + ": look with `tokenctl user list`."
	for _, c := range []struct{ args, want string }{
		{"user create alice", "there is a user alice already: choose another name, or give that user another access token with `tokenctl user rotate alice`."},
		{"user rotate alice", "user alice has 5 valid access tokens and can't have more: when the clients have the newest, end the others with `tokenctl user rotate alice --revoke`."},
		{"user limit nobody --max-tokens 1", strings.Replace(unknown, "bob", "nobody", 1)},
		{"user limit alice --max-tokens=-1", "max tokens must be an integer between 0 (no limit) and 1000000000."},
		{"user limit alice --create-burst 0", "create burst must be at least 1, because no token could be created otherwise: to remove the rate limit, set creates per second to 0."},
		{"user create .", "user name must be 1 to 50 letters, digits, dots, underscores, hyphens or @, beginning with a letter or digit."},
		{"user rotate bob", unknown},
		{"user rotate bob --revoke", unknown},
		{"user disable bob", unknown},
		{"user enable bob", unknown},
		{"user list --table other", "table other does not exist at " + kit.Endpoint + ": run `tokenctl table create` if that is a local engine, or check --table."},
		{"user create bob --table other", "table other does not exist at " + kit.Endpoint + ": run `tokenctl table create` if that is a local engine, or check --table."},
		{"user list --endpoint http://127.0.0.1:1", "no DynamoDB can be reached at http://127.0.0.1:1: start it, or check DYNAMODB_ENDPOINT or --endpoint."},
	} {
		t.Run(c.args, func(t *testing.T) {
			refuse(t, tokenctl(t, env, strings.Fields(c.args)...), c.want)
		})
	}
}

func TestJSONHasExactlyItsShape(t *testing.T) {
	kit := dynamotest.New(t)
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint}
	for _, c := range []struct{ args, want string }{
		{"table create", `{"table":"latchkey","endpoint":"` + kit.Endpoint + `"}`},
		{"table create", `{"table":"latchkey","endpoint":"` + kit.Endpoint + `"}`},
		{"user list", `[]`},
		{"user create demo", `{"user_id":1,"name":"demo","access_token":"AT"}`},
		{"user create bob --role guest --expires-in 90d", `{"user_id":2,"name":"bob","access_token":"AT","role":"guest","expires_time":TIME}`},
		{"user rotate demo", `{"user_id":1,"name":"demo","access_token":"AT","revoked":0}`},
		{"user rotate demo --expires-in 12h", `{"user_id":1,"name":"demo","access_token":"AT","revoked":0,"expires_time":TIME}`},
		{"user list", `[{"user_id":1,"name":"demo","role":"user","disabled":false,"created_time":TIME,"tokens":0,"access_tokens":3},` +
			`{"user_id":2,"name":"bob","role":"guest","disabled":false,"created_time":TIME,"tokens":0,"access_tokens":1}]`},
		{"user rotate demo --revoke", `{"user_id":1,"name":"demo","revoked":2}`},
		{"user rotate demo --revoke", `{"user_id":1,"name":"demo","access_token":"AT","revoked":1}`},
		{"user disable demo", `{"user_id":1,"name":"demo","disabled":true}`},
		{"user list", `[{"user_id":1,"name":"demo","role":"user","disabled":true,"created_time":TIME,"tokens":0,"access_tokens":1},` +
			`{"user_id":2,"name":"bob","role":"guest","disabled":false,"created_time":TIME,"tokens":0,"access_tokens":1}]`},
		{"user enable demo", `{"user_id":1,"name":"demo","disabled":false}`},
		{"user limit demo", `{"user_id":1,"name":"demo","tokens":0,"max_tokens":1000,"creates_per_second":10,"create_burst":20}`},
		{"user limit demo --max-tokens 5 --creates-per-second 0", `{"user_id":1,"name":"demo","tokens":0,"max_tokens":5,"creates_per_second":0,"create_burst":20}`},
		{"user limit demo --create-burst 3", `{"user_id":1,"name":"demo","tokens":0,"max_tokens":5,"creates_per_second":0,"create_burst":3}`},
		{"user limit demo --max-tokens 1000", `{"user_id":1,"name":"demo","tokens":0,"max_tokens":1000,"creates_per_second":0,"create_burst":3}`},
	} {
		got := variable(succeed(t, env, append(strings.Fields(c.args), "--json")...))
		if diff := cmp.Diff(c.want+"\n", got); diff != "" {
			t.Errorf("%s --json (-want +got):\n%s", c.args, diff)
		}
	}
}

// variable replaces what differs from run to run.
func variable(s string) string {
	s = regexp.MustCompile(`at-[0-9A-Za-z]{48}`).ReplaceAllString(s, "AT")
	s = regexp.MustCompile(`_time":\d{10}\b`).ReplaceAllString(s, `_time":TIME`)
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(s, "2026-01-01T00:00:00Z")
}

func TestHumanAnswersAreSentencesAndAnAlignedTable(t *testing.T) {
	kit := dynamotest.New(t)
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint}
	for _, c := range []struct{ args, want string }{
		{"table create", "The table latchkey is ready at " + kit.Endpoint + ".\n"},
		{"user list", "There are no users at " + kit.Endpoint + ": make one with `tokenctl user create NAME`.\n"},
		{"user create demo", "User demo is created, with id 1 and role user.\nAccess token: AT\nIt won't be shown again.\n"},
		{"user create a.longer@name --role guest --expires-in 1d", "User a.longer@name is created, with id 2 and role guest.\nAccess token: AT\nIt won't be shown again, and ends at 2026-01-01T00:00:00Z.\n"},
		{"user rotate demo", "Access token: AT\nIt won't be shown again.\nUser demo has 2 valid access tokens of at most 5. When every client has the new one, run `tokenctl user rotate demo --revoke`.\n"},
		{"user rotate demo --revoke", "User demo keeps its newest access token; older ones revoked: 1. No new one was issued.\n"},
		{"user rotate demo --revoke", "Access token: AT\nIt won't be shown again.\nUser demo has this access token only; older ones revoked: 1.\n"},
		{"user disable demo", "User demo is disabled.\n"},
		{"user list", "" +
			"ID  NAME           ROLE   STATE     CREATED               TOKENS  ACCESS TOKENS\n" +
			"1   demo           user   disabled  2026-01-01T00:00:00Z  0       1\n" +
			"2   a.longer@name  guest  enabled   2026-01-01T00:00:00Z  0       1\n"},
		{"user enable demo", "User demo is enabled.\n"},
	} {
		if diff := cmp.Diff(c.want, variable(succeed(t, env, strings.Fields(c.args)...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestListCountsLiveTokens(t *testing.T) {
	s := serving(t, anyPort(t.TempDir()))
	for i := range 3 {
		if status, body := send(t, "POST", s.url+"/api/token/", s.accessToken, fmt.Sprintf(`{"name":"t%d"}`, i)); status != 201 {
			t.Fatalf("create: got %d %s, want 201", status, body)
		}
	}
	send(t, "DELETE", s.url+"/api/token/2", s.accessToken, "")
	out := succeed(t, []string{"DYNAMODB_ENDPOINT=" + s.endpoint}, "user", "list", "--json")
	users := asJSON[[]struct{ Tokens int64 }](t, out)
	if len(users) != 1 || users[0].Tokens != 2 {
		t.Errorf("got %s, want one user with 2 tokens", out)
	}
}
