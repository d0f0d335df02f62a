package costtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// check compares a table with the one of this name in docs/benchmarks.md, between two
// comments. With update, it writes the table there.
func check(t *testing.T, name string, measured []string, columns []column, update bool) {
	t.Helper()
	file := filepath.Join(dynamotest.Root(t), "docs", "benchmarks.md")
	content, err := os.ReadFile(file) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), "<!-- "+name+" -->\n")
	committed, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Fatalf("%s has no table between the comments %s and end", file, name)
	}
	if update {
		text := fmt.Sprintf("%s<!-- %s -->\n%s\n<!-- end -->%s", before, name, strings.Join(measured, "\n"), after)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil { //nolint:gosec // a file of the project
			t.Fatal(err)
		}
		return
	}
	lines := slices.DeleteFunc(strings.Split(committed, "\n"), func(line string) bool { return line == "" })
	for _, difference := range compare(lines, measured, columns) {
		t.Error(difference)
	}
	if t.Failed() {
		t.Log("If the change is worth it, `make bench-exact` writes the new figures into docs/benchmarks.md.")
	}
}
