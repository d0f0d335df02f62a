package costtest_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/benchdoc"
)

// check compares a table with the one of this name in docs/benchmarks.md. With update,
// it writes the table there.
func check(t *testing.T, name string, measured []string, columns []column, update bool) {
	t.Helper()
	if update {
		benchdoc.Write(t, "benchmarks.md", name, measured)
		return
	}
	for _, difference := range compare(benchdoc.Read(t, "benchmarks.md", name), measured, columns) {
		t.Error(difference)
	}
	if t.Failed() {
		t.Log("If the change is worth it, `make bench-exact` writes the new figures into docs/benchmarks.md.")
	}
}
