package lambdatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// Build builds packages of the project at root for Lambda on a GOARCH, with
// the flags that stand in its Makefile, and returns the folder with the
// binaries: one for each package, of its name.
func Build(t testing.TB, root, goarch string, packages ...string) string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile")) //nolint:gosec // the project's own
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?m)^LAMBDA_FLAGS := (.+)$`).FindSubmatch(makefile)
	if flags == nil {
		t.Fatal("the Makefile has no LAMBDA_FLAGS")
	}
	dir := t.TempDir()
	script := fmt.Sprintf(`exec go build %s -o "$0/" "$@"`, flags[1])
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", script, dir}, packages...)...) //nolint:gosec // the Makefile's flags
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %v: %v\n%s", packages, err, out)
	}
	return dir
}
