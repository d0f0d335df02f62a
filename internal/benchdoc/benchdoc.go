// Package benchdoc reads and writes the tables of docs/benchmarks.md. A table stands
// between the comments <!-- name --> and <!-- end -->.
package benchdoc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// Read returns the lines between the comments of a name, without empty ones. It fails
// the test if there are no such comments.
func Read(t testing.TB, name string) (lines []string) {
	t.Helper()
	_, inside, _ := split(t, name)
	for line := range strings.Lines(inside) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Write replaces the lines between the comments of a name.
func Write(t testing.TB, name string, lines []string) {
	t.Helper()
	before, _, after := split(t, name)
	if err := os.WriteFile(file(t), []byte(before+strings.Join(lines, "\n")+"\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(dynamotest.Root(t), "docs", "benchmarks.md")
}

func split(t testing.TB, name string) (before, inside, after string) {
	t.Helper()
	content, err := os.ReadFile(file(t))
	if err != nil {
		t.Fatal(err)
	}
	begin := fmt.Sprintf("<!-- %s -->\n", name)
	const end = "<!-- end -->"
	before, rest, found := strings.Cut(string(content), begin)
	inside, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("docs/benchmarks.md has no table between the comments %s and end", name)
	}
	return before + begin, inside, end + after
}
