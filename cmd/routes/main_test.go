package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

const root = "../.."

func TestGenerate(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("files_are_current", func(t *testing.T) {
		for _, f := range files {
			got, err := os.ReadFile(filepath.Join(root, f.name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(f.text), string(got)); diff != "" {
				t.Errorf("%s: run `go generate ./shared/api` (-want +got):\n%s", f.name, diff)
			}
		}
	})
	t.Run("endpoints_are_those_of_the_routes", func(t *testing.T) {
		var want []api.Endpoint
		for _, route := range api.Routes() {
			want = append(want, route.Endpoint)
		}
		if diff := cmp.Diff(want, api.Endpoints()); diff != "" {
			t.Errorf("endpoints (-want +got):\n%s", diff)
		}
	})
}

// TestFolders/are_those_of_functions: a folder of functions that a removed
// route left behind would still be built.
func TestFolders(t *testing.T) {
	t.Run("are_those_of_functions", func(t *testing.T) {
		mains, err := filepath.Glob(filepath.Join(root, "functions/*/main.go"))
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, name := range mains {
			got = append(got, filepath.Base(filepath.Dir(name)))
		}
		for _, f := range api.Functions() {
			want = append(want, f.Name)
		}
		want = append(want, api.ModelGateway)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("folders of functions (-want +got):\n%s", diff)
		}
	})
}

// TestServes/create_and_its_slash_paths names the routes that API Gateway may
// lead to functions of shorter paths.
func TestServes(t *testing.T) {
	want := map[string][]string{
		"list":         {"list", "search", "get", "usagehistory", "historycsv", "audit"},
		"usage":        {"usage", "keyhistory"},
		"usagehistory": {"usagehistory", "historycsv", "selfhistory", "selfhistorycsv", "keyhistory", "familydata", "familylog"},
		"create":       {"create", "rotate", "extra", "key", "batchcreate", "batchdelete", "batchstatus", "keys", "verify", "reserve", "settle", "release", "revoke"},
		"get":          {"get", "key", "keys"},
		"status":       {"status", "revoke"},
		"self":         {"self", "budget", "groups", "webhooks", "selfhistory", "selfhistorycsv", "selfaudit", "models"},
		"webhooks":     {"webhooks", "createwebhook", "rotatewebhook", "testwebhook", "updatewebhook", "deletewebhook"},
		"batchdelete":  {"batchdelete", "batchcreate", "batchstatus", "keys"},
		"audit":        {"audit", "selfaudit"},
	}
	for _, f := range api.FunctionsOf(api.Endpoints()) {
		t.Run(f.Name, func(t *testing.T) {
			var got []string
			for _, e := range f.Serves {
				got = append(got, e.Name)
			}
			wanted := want[f.Name]
			if wanted == nil {
				wanted = []string{f.Name}
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("routes (-want +got):\n%s", diff)
			}
		})
	}
}
