package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/token"
)

const oldToken = "Xk81sPq0Lw7VbRcHd9FgYw4JzAe6UoPi" //nolint:gosec // of a system of the test

// oldSystem starts a New API with n tokens, which masks keys in its list.
func oldSystem(t *testing.T, n int) (url string, keys []string) {
	t.Helper()
	key := func(id int) string { return fmt.Sprintf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN%08d", id) }
	for id := 1; id <= n; id++ {
		keys = append(keys, "sk-"+key(id))
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+oldToken || r.Header.Get("New-Api-User") != "1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var data any
		if r.URL.Path == "/api/token/" {
			page, _ := strconv.Atoi(r.URL.Query().Get("p"))
			page = max(page, 1)
			items := []any{}
			for id := n - (page-1)*100; id > 0 && len(items) < 100; id-- {
				items = append(items, map[string]any{"id": id, "user_id": 1, "key": key(id)[:4] + "**********" + key(id)[44:], "status": 1, "name": fmt.Sprint("n", id), "remain_quota": 10, "used_quota": 7, "expired_time": -1})
			}
			data = map[string]any{"items": items, "total": n, "page": page, "page_size": 100}
		} else {
			var in struct{ IDs []int }
			_ = json.NewDecoder(r.Body).Decode(&in)
			found := map[int]string{}
			for _, id := range in.IDs {
				found[id] = key(id)
			}
			data = map[string]any{"keys": found}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "data": data})
	}))
	t.Cleanup(s.Close)
	return s.URL, keys
}

// TestImportFromAPI moves tokens in from an API while tokenctl is killed several
// times. Afterwards every old key is valid, with its quota, and each is the key of one
// token.
func TestImportFromAPI(t *testing.T) {
	const tokens = 250
	kit := dynamotest.New(t)
	users := &token.UserService{Store: kit.Store, Now: time.Now}
	if _, _, err := users.Create(t.Context(), "alice", token.RoleUser, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := users.SetLimits(t.Context(), "alice", dynamotest.RemoveLimits); err != nil {
		t.Fatal(err)
	}
	url, keys := oldSystem(t, tokens)
	front := newKiller(t, kit.Endpoint)
	k, _ := front.Config.Handler.(*killer)
	env := []string{"DYNAMODB_ENDPOINT=" + front.URL, "TABLE_NAME=" + dynamotest.Table, "SOURCE_ACCESS_TOKEN=" + oldToken}
	args := []string{"import", url, "--from", "newapi", "--from-user", "1", "--keep-keys", "--user", "alice", "--json"}
	for i := range 3 {
		if err := k.run(tokenctltest.Command(t, env, args...), 3+4*i, i%2 == 0); err == nil {
			t.Fatalf("run %d ended", i)
		}
	}
	k.disarm()
	out := tokenctltest.JSON[struct{ Rows, Imported, Before int }](t, tokenctltest.Succeed(t, env, args...))
	if out.Rows != tokens || out.Imported != tokens || out.Before == 0 {
		t.Errorf("got %+v", out)
	}
	wantAllValid(t, kit, keys)
	if u, err := kit.Store.FindUser(t.Context(), "alice"); err != nil || u.TokenCount() != tokens {
		t.Errorf("got %d tokens, %v; want %d", u.TokenCount(), err, tokens)
	}
}

// TestTokenOfAPI checks where the access token of the other system comes from, and
// that a wrong one and a missing user say what to do.
func TestTokenOfAPI(t *testing.T) {
	url, _ := oldSystem(t, 3)
	const want = "3 of 3 tokens of %s, an export of New API, would be imported. Skipped: 0. Errors: 0.\n"
	args := []string{"import", url, "--from", "newapi", "--from-user", "1", "--keep-keys", "--user", "alice", "--dry-run"}
	if r := tokenctltest.Run(t, []string{"SOURCE_ACCESS_TOKEN=" + oldToken}, args...); r.Code != 0 || r.Stdout != fmt.Sprintf(want, url) {
		t.Errorf("got %+v", r)
	}
	piped := tokenctltest.Command(t, nil, args...)
	piped.Stdin = strings.NewReader(oldToken + "\n")
	if r := tokenctltest.Finish(t, piped); r.Code != 0 || r.Stdout != fmt.Sprintf(want, url) {
		t.Errorf("got %+v", r)
	}
	const refused = " can't be imported: it refused the access token (401): make one in its console as a user who may list the tokens; New API also needs the ID of that user, in --from-user."
	tokenctltest.WantRefusal(t, tokenctltest.Run(t, []string{"SOURCE_ACCESS_TOKEN=wrong"}, args...), url+refused)
	tokenctltest.WantRefusal(t, tokenctltest.Run(t, []string{"SOURCE_ACCESS_TOKEN=" + oldToken}, "import", url, "--from", "newapi", "--keep-keys", "--user", "alice"), url+refused)
}
