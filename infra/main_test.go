package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

// TestApp runs the app as the cdk command does: in this folder, with a
// context and an output folder in the environment.
func TestApp(t *testing.T) {
	app := filepath.Join(t.TempDir(), "app")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", app, ".").CombinedOutput(); err != nil { //nolint:gosec // the test's own
		t.Fatalf("%v\n%s", err, out)
	}
	built := t.TempDir()
	for _, f := range api.Functions() {
		folder := filepath.Join(built, f.Name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		context map[string]string
		env     []string
		stacks  []string
		says    string
	}{
		"all_stages":        {map[string]string{"build": built}, nil, []string{"Latchkey-dev", "Latchkey-prod", "Latchkey-staging"}, ""},
		"stage_in_context":  {map[string]string{"build": built, "stage": "prod"}, []string{"STAGE=dev"}, []string{"Latchkey-prod"}, ""},
		"stage_in_variable": {map[string]string{"build": built}, []string{"STAGE=dev", "ALARM_EMAILS=a@example.com, b@example.com"}, []string{"Latchkey-dev"}, ""},
		"unknown_stage":     {map[string]string{"build": built, "stage": "live"}, nil, nil, `there is no stage "live"`},
		"nothing_built":     {map[string]string{"build": t.TempDir()}, nil, nil, "run `make build`"},
		"no_node":           {map[string]string{"build": built}, []string{"PATH=/nowhere"}, nil, "node is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			context, err := json.Marshal(tt.context)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), app)
			cmd.Env = append(os.Environ(), append(tt.env, "CDK_OUTDIR="+out, "CDK_CONTEXT_JSON="+string(context))...)
			said, err := cmd.CombinedOutput()
			if failed := tt.says != ""; failed != (err != nil) || !strings.Contains(string(said), tt.says) {
				t.Fatalf("got %v, want an error: %v, with %q\n%s", err, failed, tt.says, said)
			}
			if diff := cmp.Diff(tt.stacks, stacks(t, out)); diff != "" {
				t.Errorf("stacks (-want +got):\n%s", diff)
			}
		})
	}
}

func stacks(t *testing.T, out string) (names []string) {
	t.Helper()
	const suffix = ".template.json"
	files, err := filepath.Glob(filepath.Join(out, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), suffix))
	}
	return names
}
