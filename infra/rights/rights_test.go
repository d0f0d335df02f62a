package rights_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
)

func named(t *testing.T, name string) api.Function {
	t.Helper()
	functions := api.Functions()
	i := slices.IndexFunc(functions, func(f api.Function) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("got no function %s, want one", name)
	}
	return functions[i]
}

// may reports whether a function may use an action, without dynamodb:, on a partition.
func may(f api.Function, action, partition string) bool {
	return slices.ContainsFunc(rights.Of(f, false), func(s rights.Statement) bool {
		return slices.Contains(s.Actions, "dynamodb:"+action) && slices.Contains(s.Partitions, partition)
	})
}

// TestOf/create_may_serve_its_slash_paths: POST /api/token/batch/ and
// POST /api/token/{id}/rotate/ can reach the function create, because API
// Gateway may match them to POST /api/token/{proxy+}. It needs their rights.
func TestOf(t *testing.T) {
	t.Run("statements_are_sorted_and_merged", func(t *testing.T) {
		for name, want := range map[string][]rights.Statement{
			"get": {
				{Actions: []string{"dynamodb:BatchGetItem"}, Partitions: []string{"T#*", "U#*"}},
				{Actions: []string{"dynamodb:GetItem"}, Partitions: []string{"U#*"}},
			},
			"release": {{Actions: []string{"dynamodb:GetItem", "dynamodb:UpdateItem"}, Partitions: []string{"T#*"}}},
			api.Purge: {{
				Actions:    []string{"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
				Partitions: []string{"K#*", "U#*", "W#*", "X#*"},
			}},
			api.Console: nil,
		} {
			if diff := cmp.Diff(want, rights.Of(named(t, name), false)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
	t.Run("create_may_serve_its_slash_paths", func(t *testing.T) {
		for _, other := range []string{"create", "rotate", "extra", "batchcreate", "batchdelete", "batchstatus", "verify", "reserve", "settle", "release"} {
			for _, s := range rights.Of(named(t, other), false) {
				for _, action := range s.Actions {
					for _, partition := range s.Partitions {
						if !may(named(t, "create"), strings.TrimPrefix(action, "dynamodb:"), partition) {
							t.Errorf("create may not use %s on %s, want it allowed as for %s", action, partition, other)
						}
					}
				}
			}
		}
	})
	t.Run("each_action_is_in_one_statement", func(t *testing.T) {
		for _, f := range api.Functions() {
			var seen []string
			for _, s := range rights.Of(f, true) {
				for _, action := range s.Actions {
					if slices.Contains(seen, action) || strings.Contains(action, "*") || action == "dynamodb:Scan" {
						t.Errorf("%s: got action %s, want it once, on single items or partitions", f.Name, action)
					}
					seen = append(seen, action)
				}
			}
		}
	})
	t.Run("functions_only_write_what_is_theirs", func(t *testing.T) {
		writes := []string{"PutItem", "UpdateItem", "DeleteItem"}
		for partition, writers := range map[string][]string{
			"A#*": {api.History}, "C#*": {api.History}, "F": {api.History}, "Y#*": {api.History}, "Z#*": {api.History},
			"X#*": {api.Purge}, "E#*": {api.Deliver, "webhooks", api.Fallback}, "P": nil, "N#*": nil, "D": nil,
		} {
			for _, f := range api.Functions() {
				got := slices.ContainsFunc(writes, func(action string) bool { return may(f, action, partition) })
				if want := slices.Contains(writers, f.Name); got != want {
					t.Errorf("%s may write %s: %t, want %t", f.Name, partition, got, want)
				}
			}
		}
		for _, name := range []string{api.History, api.Deliver, "webhooks", "self", "get", "audit", "budget", "search"} {
			if slices.ContainsFunc(writes, func(action string) bool { return may(named(t, name), action, "T#*") }) {
				t.Errorf("%s may write tokens, want it to read them at most", name)
			}
		}
	})
	t.Run("what_removes_tokens_may_remove_foreign_keys", func(t *testing.T) {
		for _, f := range api.Functions() {
			removes := may(f, "DeleteItem", "T#*") || f.Name == api.Purge // after TTL
			if got := may(f, "DeleteItem", "K#*"); got != removes {
				t.Errorf("%s: may remove foreign keys without the setting: %t, want %t", f.Name, got, removes)
			}
		}
	})
	t.Run("every_endpoint_is_listed", func(t *testing.T) {
		for _, e := range api.Endpoints() {
			if len(rights.Of(api.Function{Serves: []api.Endpoint{e}}, false)) == 0 {
				t.Errorf("got no rights of %s, want them listed in usesOf", e.Name)
			}
		}
	})
}

// TestSize checks that the largest policy leaves half of the room that IAM has for the
// inline policies of a role: 10,240 characters without white space.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestSize(t *testing.T) {
	const limit, arn = 10_240, "arn:aws:dynamodb:ap-southeast-1:123456789012:table/Latchkey-production-TableCD117FA1-1ABCDEFGHIJKL"
	for _, f := range api.Functions() {
		var statements []any
		for _, s := range rights.Of(f, true) {
			statements = append(statements, map[string]any{
				"Action": s.Actions, "Effect": "Allow", "Resource": arn,
				"Condition": map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": s.Partitions}},
			})
		}
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err != nil || len(text) > limit/2 {
			t.Errorf("%s: got a policy of %d characters, %v, want %d or fewer", f.Name, len(text), err, limit/2)
		}
		t.Logf("%s: %d characters", f.Name, len(text))
	}
}
