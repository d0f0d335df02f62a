package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	settings, wrong := filepath.Join(empty, "settings.json"), filepath.Join(empty, "wrong.json")
	write(t, settings, `{"dev": {"canary": true}, "staging": {"alarmEmails": ["a@example.com", "b@example.com"], "upstream": {"url": "https://api.example.com/v1"}}}`)
	alarms := filepath.Join(empty, "alarms.json")
	write(t, alarms, `{"staging": {"alarmEmails": ["a@example.com"]}}`)
	write(t, wrong, `{"prod": {"alarmEmail": ["a@example.com"]}}`)
	for name, tt := range map[string]struct {
		slow    bool
		context map[string]string
		env     []string
		stacks  []string
		message string // of the failure; empty if the app succeeds
	}{
		"all_stages":        {true, map[string]string{"build": build, "stages": alarms}, nil, []string{"Latchkey-dev", "Latchkey-prod", "Latchkey-staging"}, ""},
		"stage_in_variable": {true, map[string]string{"build": build, "stages": settings}, []string{"STAGE=staging"}, []string{"Latchkey-staging"}, ""},
		"wrong_settings":    {false, map[string]string{"build": build, "stage": "dev", "stages": wrong}, nil, nil, wrong + `: prod: unknown field "alarmEmail": did you mean "alarmEmails"?`},
		"no_settings":       {false, map[string]string{"build": build, "stage": "dev", "stages": empty + "/none"}, nil, nil, "write {} to it"},
		"canary_in_dev":     {false, map[string]string{"build": build, "stage": "dev", "stages": settings}, nil, nil, "dev: canary is true but the stage has no alarms"},
		"emails_outside":    {false, map[string]string{"build": build, "stage": "dev"}, []string{"ALARM_EMAILS=a@example.com"}, nil, "is now alarmEmails: set it in infra/stages.json"},
		"unknown_allow":     {false, map[string]string{"build": build, "stage": "dev", "allow": "everything"}, nil, nil, `ALLOW is "everything"`},
		"table_outside":     {false, map[string]string{"build": build, "stage": "dev", "table": "restored"}, nil, nil, "-c table=… is not read any more"},
		"unknown_stage":     {false, map[string]string{"build": build, "stage": "live"}, nil, nil, `unknown stage "live"`},
		"nothing_built":     {false, map[string]string{"build": empty}, nil, nil, "run `make build`"},
		"no_node":           {false, map[string]string{"build": build}, []string{"PATH=/nowhere"}, nil, "node is missing"},
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
			if len(tt.stacks) > 1 {
				checkWarnings(t, folder)
			}
		})
	}
}

// TestAppPlace checks that the stage in the context is deployed to the account and
// region of its settings, or to those of the credentials if that is allowed. cdk
// passes the latter in the environment.
func TestAppPlace(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "stages.json")
	write(t, settings, `{"dev": {"account": "111122223333", "region": "eu-central-1"}}`)
	build := emptyBootstraps(t)
	for allow, want := range map[string]string{"": "aws://111122223333/eu-central-1", "account": "aws://999999999999/us-east-1"} {
		t.Run("allow="+allow, func(t *testing.T) {
			if allow != "" && testing.Short() {
				t.Skip("slow, and -short is set")
			}
			t.Parallel()
			folder := t.TempDir()
			context := map[string]string{"build": build, "stage": "dev", "stages": settings, "allow": allow}
			if output, err := runApp(t, folder, context, "STAGE=prod", "CDK_DEFAULT_ACCOUNT=999999999999", "CDK_DEFAULT_REGION=us-east-1"); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			text, err := os.ReadFile(filepath.Join(folder, "manifest.json")) //nolint:gosec // the app wrote it
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("got %v and the manifest\n%s\nwant the stack in %s", err, text, want)
			}
			if diff := cmp.Diff([]string{"Latchkey-dev"}, stacks(t, folder)); diff != "" {
				t.Errorf("stacks (-want +got):\n%s", diff)
			}
		})
	}
}

// checkWarnings checks that a stage with alarms and without addresses is written
// with a warning, which cdk prints, and no other stage is.
func checkWarnings(t *testing.T, folder string) {
	t.Helper()
	for stage, want := range map[string]bool{"dev": false, "staging": false, "prod": true} {
		files, err := filepath.Glob(filepath.Join(folder, "*.json")) // cdk writes them into one of two files
		if err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file) //nolint:gosec // the app wrote it
			return err == nil && strings.Contains(string(text), "Stage "+stage+" has alarms but tells nobody")
		})
		if warned != want {
			t.Errorf("%s: got a warning: %t, want %t", stage, warned, want)
		}
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
		write(t, filepath.Join(folder, "bootstrap"), "")
	}
	return build
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
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
