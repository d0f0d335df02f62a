//go:build clients

package generatortest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// TestMain lets tests start build/tokenctl, which scripts/test-clients names.
func TestMain(m *testing.M) {
	_ = os.Setenv("PATH", filepath.Dir(os.Getenv("TOKENCTL"))+":"+os.Getenv("PATH")) // the names are valid
	os.Exit(m.Run())
}

// document is the file that the tools read.
func document(t *testing.T) string {
	t.Helper()
	return filepath.Join(dynamotest.Root(t), "shared/api/openapi.yaml")
}

// A generated client compiles, creates, lists, reads, changes, checks and deletes a
// token, and reads the error of a bad request. Generating it and compiling it prints no
// warning.
func TestGeneratedClients(t *testing.T) {
	server := tokenctltest.Serve(t, []string{"PORT=0", "DATA_DIR=" + t.TempDir()})
	python, node, npm := env(t, "OPENAPI_PYTHON"), "node", env(t, "OPENAPI_NODE")
	for _, c := range []struct {
		name  string
		steps [][]string // all but the last, which is the program, print nothing
	}{
		{"go", [][]string{
			{"mkdir", "oapi/latchkey"},
			{"go", "tool", "oapi-codegen", "-config", "oapi/config.yaml", "-o", "oapi/latchkey/client.gen.go", document(t)},
			{"go", "tool", "ogen", "-config", "ogen/config.yaml", "-target", "ogen/latchkey", "-package", "latchkey", "-loglevel", "warn", document(t)},
			{"go", "build", "-o", "bin/", "./..."},
			{"bin/oapi"},
			{"bin/ogen"},
		}},
		{"typescript", [][]string{
			{"ln", "-s", filepath.Join(npm, "node_modules"), "node_modules"},
			{node, "node_modules/openapi-typescript/bin/cli.js", document(t), "--output", "latchkey.d.ts"},
			{node, "node_modules/typescript/bin/tsc"},
			{node, "out/main.js"},
		}},
		{"python", [][]string{
			{python, "-m", "openapi_python_client", "generate", "--config", "config.yaml", "--meta", "none", "--output-path", "latchkey", "--fail-on-warning", "--path", document(t)},
			{python, "-W", "error", "-m", "compileall", "-q", "latchkey"},
			{python, "-W", "error", "main.py"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("drivers", c.name))); err != nil {
				t.Fatal(err)
			}
			for _, step := range c.steps {
				if out := run(t, dir, []string{"URL=" + server.URL, "ACCESS_TOKEN=" + server.AccessToken}, step...); out != "" {
					t.Errorf("%s prints\n%s", strings.Join(step, " "), out)
				}
			}
		})
	}
}

// progress matches what generators print although nothing is wrong.
var progress = regexp.MustCompile(`(?m)^(✨ openapi-typescript .*|🚀 .* → .*|Generating latchkey|go: downloading .*|)\n`)

// patience bounds a step.
const patience = 5 * time.Minute

// run runs a step in a folder, and returns what it prints, without progress.
func run(t *testing.T, dir string, more []string, step ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := time.Now()
	cmd := exec.CommandContext(ctx, step[0], step[1:]...) //nolint:gosec // a step of ours
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(more, "GOFLAGS=-mod=readonly", "NO_PROXY=*")...)
	if strings.Contains(step[0], "/") && !filepath.IsAbs(step[0]) {
		cmd.Path = filepath.Join(dir, step[0])
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Logf("%.1f s: %s", time.Since(started).Seconds(), strings.Join(step, " "))
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(step, " "), err, credential.Redact(out.String()))
	}
	return progress.ReplaceAllString(out.String(), "")
}

// env returns a variable that scripts/test-clients sets.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run make test-clients", name)
	}
	return value
}
