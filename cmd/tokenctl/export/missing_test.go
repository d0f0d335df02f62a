package export_test

import (
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// TestMissingColumns checks that a row is not imported without the columns that say
// whether it is restricted.
func TestMissingColumns(t *testing.T) {
	const key = `"key":"` + newAPIKey + `"`
	keep := export.Options{KeepKeys: true}
	ignore := func(columns ...string) export.Options { return export.Options{KeepKeys: true, IgnoreColumns: columns} }
	for _, c := range []struct {
		content string
		o       export.Options
		want    string // a part of the problem
	}{
		{"id,key,name,remain_quota,used_quota,unlimited_quota\n1," + newAPIKey + ",k,5,0,1\n", keep, "status, expired_time, model_limits or models or model_limits_enabled or setting, allow_ips or subnet or setting missing"},
		{`[{"id":1,"name":"k","remain_quota":5}]`, export.Options{}, "status, expired_time, "},
		{`[{"user_id":1,"name":"k","remain_quota":5}]`, export.Options{}, "status, expired_time, "},
		{`[{"name":"k","remain_quota":5}]`, export.Options{}, ""}, // a list of new tokens
		{`[{"name":"k","remain_quota":5,` + key + `}]`, export.Options{}, "status, expired_time, "},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"models":"","subnet":""}]`, keep, ""},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"subnet":""}]`, keep, "model_limits or models"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"models":""}]`, keep, "allow_ips or subnet"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1}]`, ignore("models", "subnet"), ""},
		{`[{"id":1,"name":"k",` + key + `,"expired_time":-1,"setting":null,"remain_quota":5}]`, ignore("Status"), ""},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"model_limits":"","allow_ips":""}]`, keep, "deleted_at missing"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"model_limits":"","allow_ips":""}]`, ignore("deleted_at"), ""},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"model_limits":"","allow_ips":"","DeletedAt":null}]`, keep, ""},
		{`[{"id":"1","name":"k",` + key + `,"status":1,"expired_time":-1,"setting":"{}"}]`, keep, "deleted_at missing"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"setting":{}}]`, keep, ""}, // the answer of One Hub
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1}]`, export.Options{KeepKeys: true, ByID: true}, ""},
		{`[{"id":1,"name":"k",` + key + `,"expired_time":-1}]`, export.Options{KeepKeys: true, ByID: true}, "status missing"},
		{`[{"keyId":"k","name":"k","plaintext":"` + unkeyKey + `"}]`, keep, "enabled missing"},
		{"token,key_alias,spend,max_budget,expires,models,blocked\n" + strings.Repeat("ab", 32) + ",k,0,,,,\n", keep, "user_id, team_id, budget_id, rpm_limit, tpm_limit, max_parallel_requests, model_max_budget, metadata, permissions missing"},
		{"token,key_alias,spend,max_budget,expires,models,blocked,metadata\n" + strings.Repeat("ab", 32) + `,k,0,,,,,"{""tags"":[]}"` + "\n", keep, "user_id, team_id, budget_id, rpm_limit, tpm_limit, max_parallel_requests, model_max_budget, permissions missing"},
		{"token,key_alias,spend,max_budget,expires,models,blocked,user_id,team_id,budget_id,rpm_limit,tpm_limit,max_parallel_requests,model_max_budget,permissions\n" + strings.Repeat("ab", 32) + ",k,0,,,,,,,,,,,,\n", ignore("metadata"), ""},
		{`[{"keyId":"k","name":"k","plaintext":"` + unkeyKey + `","enabled":null}]`, keep, "enabled has no value"},
		{`[{"keyId":"k","name":"k","plaintext":"` + unkeyKey + `"}]`, ignore("enabled"), ""},
		{`[{"id":1,"name":"k",` + key + `,"status":null,"expired_time":-1,"setting":null}]`, keep, "status has no value"},
		{`[{"id":1,"name":"k",` + key + `,"status":"","expired_time":-1,"setting":null}]`, keep, "status has no value"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":null,"setting":null}]`, keep, "expired_time has no value"},
		{"id,key,name,status,expired_time,models,subnet\n1," + newAPIKey + ",k,NULL,-1,,\n", keep, "status has no value"},
		{"id,key,name,status,expired_time,models,subnet\n1," + newAPIKey + ",k,1,,,\n", keep, "expired_time has no value"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"setting":null,"users":{"status":null}}]`, keep, "users.status must be"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"setting":null,"users":{"username":"x"}}]`, keep, "users.status must be"},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"setting":null,"users":null}]`, keep, "users.status must be"},
		{"id,key,name,status,expired_time,models,subnet,users.status\n1," + newAPIKey + ",k,1,-1,,,NULL\n", keep, "users.status must be"}, // of a join
		{"id,key,name,status,expired_time,models,subnet,users.status,users.deleted_at\n1," + newAPIKey + ",k,1,-1,,,1,\n", keep, ""},
		{`[{"id":1,"name":"k",` + key + `,"status":1,"expired_time":-1,"setting":null,"users":{"status":1}}]`, keep, ""},
	} {
		if _, row := readOne(t, c.content, c.o); (row.Problem == "") != (c.want == "") || !strings.Contains(row.Problem, c.want) || row.Skip != "" {
			t.Errorf("%s: got %q, %q, want %q", c.content, row.Problem, row.Skip, c.want)
		}
	}
	if _, err := export.Read([]byte(`[{"id":1,"name":"k","status":2}]`), ignore("status")); err == nil {
		t.Error("a column that the file has is ignored")
	}
}

// TestThereWithoutValues checks that a column without a value is 0 in New API.
func TestThereWithoutValues(t *testing.T) {
	for row, want := range map[string]string{
		newAPIRow + `,"remain_quota":5,"status":null`:                      export.Blocked,
		newAPIRow + `,"remain_quota":5,"status":""`:                        export.Blocked,
		newAPIRow + `,"remain_quota":5,"status":1,"expired_time":null`:     export.Expired,
		newAPIRow + `,"remain_quota":5,"status":1,"users":{"status":null}`: export.Blocked,
		newAPIRow + `,"remain_quota":null,"unlimited_quota":null`:          export.Exhausted,
	} {
		if got := thereOf(t, "[{"+row+"}]"); got.Refusal != want {
			t.Errorf("%s: got %q, want %q", row, got.Refusal, want)
		}
	}
}

// TestReplacedNames checks that a name is refused with which New API allows nothing,
// because it looks up a pattern in its place.
func TestReplacedNames(t *testing.T) {
	for row, isReplaced := range map[string]bool{
		`"model_limits":"gpt-4-gizmo-x"`:                          true,
		`"model_limits":"gpt-4o-gizmo"`:                           true,
		`"model_limits":"gemini-2.5-pro-thinking-1024"`:           true,
		`"model_limits":"gemini-2.5-flash-lite-thinking-1"`:       true,
		`"model_limits":"gemini-2.5-flash-preview-05-thinking-1"`: true,
		`"model_limits":"gemini-2.5-pro"`:                         false,
		`"model_limits":"gemini-2.5-flash-lite"`:                  false,
		`"model_limits":"gemini-2.5-flash-thinking"`:              false,
		`"model_limits":"gpt-4o"`:                                 false,
		`"models":"gpt-4-gizmo-x","subnet":""`:                    false, // One API
	} {
		if _, got := readOne(t, `[{"name":"k","remain_quota":1,`+row+`}]`, export.Options{}); (got.Problem != "") != isReplaced {
			t.Errorf("%s: got the problem %q", row, got.Problem)
		}
		if a := thereOf(t, `[{`+newAPIRow+`,`+row+`}]`); (len(a.Models)+len(a.Prefixes) == 0) != isReplaced {
			t.Errorf("%s: got %q, %q there", row, a.Models, a.Prefixes)
		}
	}
}

// TestPatternsOfNewAPI checks that only the names that New API takes for patterns are
// patterns here, and only in its own list.
func TestPatternsOfNewAPI(t *testing.T) {
	for row, isPattern := range map[string]bool{
		`"model_limits":"gpt-4-gizmo-*"`:                                                           true,
		`"model_limits":"gpt-4o-gizmo-*"`:                                                          true,
		`"model_limits":"gemini-2.5-pro-thinking-*"`:                                               true,
		`"model_limits":"gemini-2.5-flash-thinking-*"`:                                             true,
		`"model_limits":"gemini-2.5-flash-lite-thinking-*"`:                                        true,
		`"model_limits":"o1-gizmo-*"`:                                                              false,
		`"model_limits":"-gizmo-*"`:                                                                false,
		`"model_limits":"gemini-3-pro-thinking-*"`:                                                 false,
		`"model_limits":"claude-thinking-*"`:                                                       false,
		`"models":"gpt-4-gizmo-*","subnet":""`:                                                     false, // One API
		`"setting":{"limits":{"limit_model_setting":{"enabled":true,"models":["gpt-4-gizmo-*"]}}}`: false,
	} {
		if _, got := readOne(t, `[{"name":"k","remain_quota":1,`+row+`}]`, export.Options{}); (got.Problem == "") != isPattern {
			t.Errorf("%s: got the problem %q", row, got.Problem)
		}
		if a := thereOf(t, `[{`+newAPIRow+`,`+row+`}]`); len(a.Prefixes) > 0 != isPattern {
			t.Errorf("%s: got the prefixes %q there", row, a.Prefixes)
		}
	}
}
