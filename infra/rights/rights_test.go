package rights_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestOf/create_may_serve_its_slash_paths: POST /api/token/batch/ and
// POST /api/token/{id}/rotate/ can reach the function create, because API
// Gateway may match them to POST /api/token/{proxy+}. It needs their rights.
func TestOf(t *testing.T) {
	functions := api.Functions()
	named := func(name string) api.Function {
		i := slices.IndexFunc(functions, func(f api.Function) bool { return f.Name == name })
		if i < 0 {
			t.Fatalf("got no function %s, want one", name)
		}
		return functions[i]
	}
	t.Run("create_may_serve_its_slash_paths", func(t *testing.T) {
		got := rights.Of(named("create"))
		for _, other := range []string{"create", "rotate", "extra", "batchcreate", "batchdelete", "batchstatus", "verify", "reserve", "settle", "release"} {
			for _, action := range rights.Of(named(other)) {
				if !slices.Contains(got, action) {
					t.Errorf("got %v for create, want %s of %s among them", got, action, other)
				}
			}
		}
	})
	t.Run("a_function_has_no_more_than_it_serves", func(t *testing.T) {
		for name, want := range map[string][]string{
			"get":          {"dynamodb:BatchGetItem", "dynamodb:GetItem"},
			"release":      {"dynamodb:GetItem", "dynamodb:UpdateItem"},
			"self":         {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"},
			"status":       {"dynamodb:GetItem", "dynamodb:UpdateItem"},
			"batchcreate":  {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
			api.Authorizer: {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"},
			api.Purge:      {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
			api.Console:    nil,
		} {
			if got := rights.Of(named(name)); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
	})
	t.Run("what_removes_tokens_may_remove_foreign_keys", func(t *testing.T) {
		for _, f := range functions {
			may := slices.Contains(rights.Partitions(f, false), "K#*")
			removes := slices.Contains(rights.Of(f), "dynamodb:DeleteItem") && f.Name != "webhooks" // which removes no tokens
			if may != removes {
				t.Errorf("%s: may use foreign keys without the setting: %t, want %t", f.Name, may, removes)
			}
		}
	})
	t.Run("every_endpoint_is_listed", func(t *testing.T) {
		for _, e := range api.Endpoints() {
			actions := rights.OfEndpoint(e)
			if len(actions) == 0 {
				t.Errorf("got no actions of %s, want them listed in OfEndpoint", e.Name)
			}
			for _, action := range actions {
				if !strings.HasPrefix(action, "dynamodb:") || strings.Contains(action, "*") || action == "dynamodb:Scan" {
					t.Errorf("%s: got action %s, want one on single items or partitions", e.Name, action)
				}
			}
		}
	})
}
