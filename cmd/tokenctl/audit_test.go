package main

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// TestAudit runs two commands and changes a token. The audit trail names the command, and
// stays after the user is deleted.
func TestAudit(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	tenant := kit.Tenant(t, "alice")
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("app"), RemainQuota: new(int64(5))}); err != nil {
		t.Fatal(err)
	}
	run := func(want []string, not string, args ...string) {
		t.Helper()
		r := tokenctltest.Run(t, env, args...)
		if r.Code != 0 {
			t.Errorf("%v: got %+v", args, r)
		}
		for _, text := range want {
			if !strings.Contains(r.Stdout, text) {
				t.Errorf("%v: got %+v, want %s", args, r, text)
			}
		}
		if not != "" && strings.Contains(r.Stdout, not) {
			t.Errorf("%v: got %+v, want nothing of %s", args, r, not)
		}
	}
	run(nil, "", "user", "limit", "alice", "--max-tokens", "77")
	hooks := &webhook.Service{Store: kit.Store, Now: tenant.Clock.Now}
	if _, err := hooks.Create(t.Context(), tenant.Access, webhook.Settings{URL: new("https://example.com/hooks?secret")}, webhook.NewSecret()); err != nil {
		t.Fatal(err)
	}
	records, err := stream.New(kit.Client, dynamotest.Table).Next(t.Context())
	if err == nil {
		_, err = kit.Store.Fold(t.Context(), records, time.Now().Unix())
	}
	if err != nil {
		t.Fatal(err)
	}
	limits, created := "user.updated  user 1  by operator, user limit", `token.created  user 1 token 1 "app"  by user, access token 0`
	run([]string{" behind at "}, "", "audit")
	run(nil, " behind at ", "audit", "--json")
	run([]string{limits, created, "max_tokens", "→ 77", "remain_quota none → 5"}, "", "audit", "--user", "alice")
	run([]string{created}, limits, "audit", "--user", "alice", "--token", "1")
	run([]string{`"command":"user limit"`, `"webhook_id":1`}, "", "audit", "--json")
	run([]string{`webhook.created  user 1 webhook 1  by user, access token 0; url none → "https://example.com/hooks?…"`}, "secret", "audit", "--user", "alice")
	now := time.Now().UTC().Truncate(time.Second)
	run([]string{"No changes since " + now.Format(time.RFC3339) + ".\n"}, created, "audit", "--token", "9", "--user", "alice", "--since", now.Format(time.RFC3339))
	run(nil, "No changes", "audit", "--json", "--token", "9", "--user", "alice")
	run(nil, "", "user", "delete", "alice", "--yes")
	run([]string{limits, created}, "", "audit")
}

// TestAuditLine shows times, a status and the ID of a request as a person reads them.
func TestAuditLine(t *testing.T) {
	t.Parallel()
	e := history.Entry{
		UserID: 1, TokenID: 2, Name: "app", Action: history.TokenUpdated, By: history.ByUser, RequestID: "abc",
		Changes: []history.Change{
			{Setting: "status", Before: []byte("1"), After: []byte("2")},
			{Setting: "expired_time", Before: []byte("-1"), After: []byte("1893456000")},
			{Setting: "previous_until", Before: []byte("0"), After: []byte("1893456000")},
			{Setting: "remain_quota", After: []byte("1893456000")},
		},
	}
	const want = `1970-01-01T00:00:00Z  token.updated  user 1 token 2 "app"  by user, access token 0, request ID abc; status enabled → disabled; ` +
		"expired_time never → 2030-01-01T00:00:00Z; previous_until none → 2030-01-01T00:00:00Z; remain_quota none → 1893456000\n"
	if got := auditLine(e, false); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := auditLine(e, true); !strings.Contains(got, `"before":1,"after":2`) {
		t.Errorf("got %s, want the JSON of the API", got)
	}
}
