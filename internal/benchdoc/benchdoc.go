// Package benchdoc reads and writes tables of documents in docs/, such as
// docs/benchmarks.md. A table stands between the comments <!-- name --> and <!-- end -->.
package benchdoc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// Read returns the lines between the comments of a name in a document, without empty ones. It fails
// the test if there are no such comments.
func Read(t testing.TB, document, name string) (lines []string) {
	t.Helper()
	_, inside, _ := split(t, document, name)
	for line := range strings.Lines(inside) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Write replaces the lines between the comments of a name.
func Write(t testing.TB, document, name string, lines []string) {
	t.Helper()
	before, _, after := split(t, document, name)
	if err := os.WriteFile(file(t, document), []byte(before+strings.Join(lines, "\n")+"\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func file(t testing.TB, document string) string {
	t.Helper()
	return filepath.Join(dynamotest.Root(t), "docs", document)
}

func split(t testing.TB, document, name string) (before, inside, after string) {
	t.Helper()
	content, err := os.ReadFile(file(t, document))
	if err != nil {
		t.Fatal(err)
	}
	begin := fmt.Sprintf("<!-- %s -->\n", name)
	const end = "<!-- end -->"
	before, rest, found := strings.Cut(string(content), begin)
	inside, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("docs/%s has no table between the comments %s and end", document, name)
	}
	return before + begin, inside, end + after
}

// MeasuredOn returns the line of a document that says what its figures depend on.
func MeasuredOn(machine []string) []string {
	return []string{"Measured on: " + strings.Join(machine, ", ") + "."}
}

// Machine returns what figures depend on: the machine, the version of Go, the date and the
// commit. Call it before a document is written, which changes the project.
func Machine(t testing.TB) []string {
	t.Helper()
	cpu := "unknown"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`model name\s*:\s*(.*)`).FindSubmatch(info); found != nil {
			cpu = string(found[1])
		}
	}
	git := exec.CommandContext(t.Context(), "git", "describe", "--always", "--dirty", "--exclude=*")
	git.Dir = dynamotest.Root(t)
	commit, err := git.Output()
	if err != nil {
		commit = []byte("unknown")
	}
	return []string{"cpu " + cpu, fmt.Sprintf("processors %d", runtime.NumCPU()), "go " + strings.TrimPrefix(runtime.Version(), "go"), "date " + time.Now().UTC().Format(time.DateOnly), "commit " + strings.TrimSpace(string(commit))}
}
