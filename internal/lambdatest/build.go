package lambdatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Build builds the commands among packages, a pattern such as
// ./functions/..., of the project at root. It builds for Lambda on a GOARCH,
// with LAMBDA_FLAGS of the Makefile, and returns the folder with the binaries,
// each named after its package's folder.
//
// The folder is below build/test and is the same in every test and every run,
// because linking takes most of the time and go build does not link a binary
// again that is up to date. Do not write into it.
func Build(t testing.TB, root, goarch, packages string) string {
	t.Helper()
	dir := filepath.Join(root, "build", "test", goarch, strings.NewReplacer("./", "", "/...", "", "/", "-").Replace(packages))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	defer lock(t, dir+".lock")()
	removeOthers(t, dir, commands(t, root, packages))
	script := fmt.Sprintf(`exec go build %s -o "$0/" "$1"`, lambdaFlags(t, root))
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script, dir, packages) //nolint:gosec // the Makefile's flags
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", packages, err, out)
	}
	return dir
}

// lock waits until no other process builds into the folder, and returns a
// function that lets the next one build.
func lock(t testing.TB, file string) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below build/
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("lock %s: %v", file, err)
	}
	return func() { _ = f.Close() } // which unlocks it
}

// commands returns the names of the commands that the pattern matches.
func commands(t testing.TB, root, packages string) []string {
	t.Helper()
	const format = `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", format, packages) //nolint:gosec // a test's own pattern
	cmd.Dir = root
	out, err := cmd.Output()
	names := strings.Fields(string(out))
	if err != nil || len(names) == 0 {
		t.Fatalf("go list %s: got the commands %v and error %v, want at least one", packages, names, err)
	}
	for i, name := range names {
		names[i] = filepath.Base(name)
	}
	return names
}

// removeOthers removes binaries of commands that no longer exist.
func removeOthers(t testing.TB, dir string, names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if slices.Contains(names, entry.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

func lambdaFlags(t testing.TB, root string) string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile")) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?m)^LAMBDA_FLAGS := (.+)$`).FindSubmatch(makefile)
	if flags == nil {
		t.Fatal("the Makefile has no LAMBDA_FLAGS")
	}
	return string(flags[1])
}
