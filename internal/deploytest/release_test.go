//go:build deploy

package deploytest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
)

// TestRelease deploys a stage from a release, without cdk and its bootstrap, and
// checks that each function has the code of its zip. It deploys dev, because moto makes
// no stack with a KMS key without a change set.
func TestRelease(t *testing.T) {
	r := newRehearsal(t)
	folder := r.release(t)
	cmd := exec.CommandContext(t.Context(), r.python(), "deploy_release.py", folder, "dev") //nolint:gosec // a file of the project
	cmd.Env = r.environment()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("deploy_release.py: %v\n%s\noutput of moto:\n%s", err, &stderr, r.log)
	}
	var deployed struct {
		Status    string
		Outputs   map[string]string
		Functions []string
	}
	if err := json.Unmarshal(text, &deployed); err != nil {
		t.Fatal(err)
	}
	if deployed.Status != "CREATE_COMPLETE" || !strings.HasPrefix(deployed.Outputs["TableName"], "Latchkey-dev") || deployed.Outputs["TableName"] != deployed.Outputs["OwnTableName"] {
		t.Errorf("got status %s and outputs %v, want a stack with its table", deployed.Status, deployed.Outputs)
	}
	for _, f := range api.Functions() {
		files, err := filepath.Glob(filepath.Join(folder, "functions", f.Name+"-*.zip"))
		if err != nil || len(files) != 1 {
			t.Fatalf("got zips %v (%v), want one of %s", files, err, f.Name)
		}
		zipped, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(zipped); !slices.Contains(deployed.Functions, base64.StdEncoding.EncodeToString(sum[:])) {
			t.Errorf("no deployed function has the code of %s", files[0])
		}
	}
}

// release makes a release of functions whose code is the name of its file, and of the
// templates that the tests of infra/stack compare, and returns its folder.
func (r *rehearsal) release(t *testing.T) string {
	t.Helper()
	templates, build := t.TempDir(), t.TempDir()
	built := []string{"THIRD-PARTY.txt", "sbom/console-files.cdx.json"}
	for _, f := range api.Functions() {
		built = append(built, f.Name+"/bootstrap", "sbom/"+f.Name+".cdx.json")
	}
	for _, name := range built {
		file := filepath.Join(build, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, stage := range []string{"dev", "staging", "prod"} {
		text, err := os.ReadFile(filepath.Join(r.root, "infra/stack/testdata", stage+".template.json")) //nolint:gosec // a file of the project
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(templates, "Latchkey-"+stage+".template.json"), text, 0o600); err != nil { //nolint:gosec // the stages are those of the project
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./infra/release", "-version", "v0.0.1", "-build", build, "-templates", templates, "-out", t.TempDir()) //nolint:gosec // a command of the project
	cmd.Dir = r.root
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("release: %v", err)
	}
	return strings.TrimSpace(string(output))
}
