package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	app "github.com/latchkey-api/latchkey/infra"
	"github.com/latchkey-api/latchkey/shared/api"
)

// runAsApp in the environment makes the test binary run the app.
const runAsApp = "LATCHKEY_TEST_RUN_APP"

func TestMain(m *testing.M) {
	if os.Getenv(runAsApp) != "" {
		app.Main()
		return
	}
	os.Exit(m.Run())
}

// TestApp checks that the app, run as the cdk command runs it, writes the
// templates of the stages that the context or the environment selects, or
// says what is wrong. cdk passes the context and the output folder in the
// environment. With -short it leaves out cases that synthesize many
// resources.
func TestApp(t *testing.T) {
	build, empty := emptyBootstraps(t), t.TempDir()
	for name, tt := range map[string]struct {
		slow    bool
		context map[string]string
		env     []string
		stacks  []string
		message string // of the failure; empty if the app succeeds
	}{
		"all_stages":        {true, map[string]string{"build": build}, nil, []string{"Latchkey-dev", "Latchkey-prod", "Latchkey-staging"}, ""},
		"stage_in_context":  {false, map[string]string{"build": build, "stage": "dev"}, []string{"STAGE=prod"}, []string{"Latchkey-dev"}, ""},
		"stage_in_variable": {true, map[string]string{"build": build}, []string{"STAGE=staging", "ALARM_EMAILS=a@example.com, b@example.com"}, []string{"Latchkey-staging"}, ""},
		"upstream": {
			true,
			map[string]string{"build": build, "stage": "dev", "upstream": "https://api.example.com/v1", "upstreamKeyParameter": "/latchkey/dev/upstream-key"},
			nil,
			[]string{"Latchkey-dev"},
			"",
		},
		"upstream_is_no_url": {false, map[string]string{"build": build, "stage": "dev", "upstream": "api.example.com"}, nil, nil, "upstream is not an https URL"},
		"unknown_stage":      {false, map[string]string{"build": build, "stage": "live"}, nil, nil, `unknown stage "live"`},
		"nothing_built":      {false, map[string]string{"build": empty}, nil, nil, "run `make build`"},
		"no_node":            {false, map[string]string{"build": build}, []string{"PATH=/nowhere"}, nil, "node is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.slow && testing.Short() {
				t.Skip("slow, and -short is set")
			}
			t.Parallel()
			folder := t.TempDir()
			output, err := runApp(t, folder, tt.context, tt.env...)
			if failed := tt.message != ""; failed != (err != nil) || !strings.Contains(output, tt.message) {
				t.Fatalf("got error %v, want an error: %v, with the message %q\n%s", err, failed, tt.message, output)
			}
			if diff := cmp.Diff(tt.stacks, stacks(t, folder)); diff != "" {
				t.Errorf("stacks (-want +got):\n%s", diff)
			}
		})
	}
}

// runApp runs the app in this folder and returns what it prints.
func runApp(t *testing.T, outputFolder string, context map[string]string, env ...string) (string, error) {
	t.Helper()
	text, err := json.Marshal(context)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // the test binary itself
	cmd.Env = append(os.Environ(), append(env, runAsApp+"=1", "CDK_OUTDIR="+outputFolder, "CDK_CONTEXT_JSON="+string(text))...)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// emptyBootstraps returns a folder in which every function seems to be built.
func emptyBootstraps(t *testing.T) string {
	t.Helper()
	build := t.TempDir()
	for _, f := range append(api.Functions(), api.Function{Name: api.ModelGateway}) {
		folder := filepath.Join(build, f.Name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return build
}

// stacks returns the names of the stacks whose templates are in the folder.
func stacks(t *testing.T, folder string) (names []string) {
	t.Helper()
	const suffix = ".template.json"
	files, err := filepath.Glob(filepath.Join(folder, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), suffix))
	}
	return names
}
