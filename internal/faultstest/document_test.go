package faultstest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// make test-faults sets both.
var (
	whole  = flag.Bool("whole", false, "make each call fail in each way; without it, a selection of them that takes a minute") //nolint:gochecknoglobals // a flag
	update = flag.Bool("update", false, "write the results into docs/faults.md; only with -whole")                             //nolint:gochecknoglobals // a flag
)

// chosen returns the failings to inject: all with -whole, otherwise those that have found
// most faults of the code.
func chosen(all []failing) []failing {
	if *whole {
		return all
	}
	return slices.DeleteFunc(all, func(f failing) bool {
		switch f.fault { //nolint:exhaustive // the others are left out
		case dynamotest.LostAfter:
			return f.nth > 2
		case dynamotest.CutAnswer, dynamotest.ErrorBefore, dynamotest.Conflict, dynamotest.MixedConflict, dynamotest.HalfProcessed:
			return f.lasting || f.nth > 2
		case dynamotest.TimeoutAfter:
			return f.lasting || f.nth > 1
		case dynamotest.Throttled, dynamotest.ConnectionRefused:
			return !f.lasting
		default:
			return true
		}
	})
}

// A matrix counts the failings that were injected and survived, by operation.
type matrix struct {
	mu                 sync.Mutex
	injected, survived map[string]map[dynamotest.Fault]int
}

func newMatrix() *matrix {
	return &matrix{injected: map[string]map[dynamotest.Fault]int{}, survived: map[string]map[dynamotest.Fault]int{}}
}

func (m *matrix) add(operation string, f failing, survived bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.injected[operation] == nil {
		m.injected[operation], m.survived[operation] = map[dynamotest.Fault]int{}, map[dynamotest.Fault]int{}
	}
	m.injected[operation][f.fault]++
	if survived {
		m.survived[operation][f.fault]++
	}
}

// fail takes back that a failing was survived.
func (m *matrix) fail(operation string, f failing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.survived[operation][f.fault]--
}

// faults are the columns of the matrix.
func faults() (all []dynamotest.Fault) {
	for _, op := range []string{dynamotest.GetItem, dynamotest.BatchGetItem, dynamotest.UpdateItem, dynamotest.TransactWriteItems} {
		for _, f := range dynamotest.FaultsOf(op) {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// rows are the names of the rows of the matrix.
func rows() (all []string) {
	for _, o := range operations() {
		all = append(all, o.name())
	}
	for _, b := range batches() {
		all = append(all, b.name)
	}
	return all
}

const (
	tableStart = "<!-- written by make test-faults -->\n"
	tableEnd   = "<!-- end -->\n"
)

// table returns the matrix as text of the document.
func (m *matrix) table() string {
	var b strings.Builder
	total, survived := 0, 0
	columns := faults()
	b.WriteString("| operation |")
	for i := range columns {
		fmt.Fprintf(&b, " %d |", i+1)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(columns)) + "\n")
	for _, row := range rows() {
		b.WriteString("| " + row + " |")
		for _, f := range columns {
			cell := ""
			if n, s := m.injected[row][f], m.survived[row][f]; n > 0 {
				total, survived = total+n, survived+s
				cell = fmt.Sprint(n)
				if s != n {
					cell = fmt.Sprintf("**%d of %d**", s, n)
				}
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	var legend strings.Builder
	for i, f := range columns {
		fmt.Fprintf(&legend, "%d. %s\n", i+1, f)
	}
	return fmt.Sprintf("%d runs with a fault, of which %d ended right.\n\n%s\n%s", total, survived, legend.String(), b.String())
}

// check prints the matrix, and compares or writes the document if the matrix is whole.
func (m *matrix) check(t *testing.T) {
	table := m.table()
	t.Log("\n" + table)
	if !*whole || len(m.injected) != len(rows()) {
		return // a part
	}
	path := filepath.Join(dynamotest.Root(t), "docs", "faults.md")
	content, err := os.ReadFile(path) //nolint:gosec // a document of the project
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), tableStart)
	old, after, okEnd := strings.Cut(rest, tableEnd)
	switch {
	case !ok || !okEnd:
		t.Fatal("docs/faults.md has no place for the matrix")
	case *update && !t.Failed():
		if err := os.WriteFile(path, []byte(before+tableStart+table+tableEnd+after), 0o600); err != nil { //nolint:gosec // as above
			t.Fatal(err)
		}
	case old != table:
		t.Error("docs/faults.md has another matrix: run make test-faults")
	}
}

// The document has a row for each operation and a line for each fault, and says that
// all were survived.
func TestDocument(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, row := range rows() {
		if !strings.Contains(text, "\n| "+row+" |") {
			t.Errorf("docs/faults.md has no row %q: run make test-faults", row)
		}
	}
	for i, f := range faults() {
		if !strings.Contains(text, fmt.Sprintf("\n%d. %s\n", i+1, f)) {
			t.Errorf("docs/faults.md has no fault %q: run make test-faults", f)
		}
	}
	if _, matrix, ok := strings.Cut(text, tableStart); !ok || strings.Contains(matrix, "**") {
		t.Error("docs/faults.md has a fault that was not survived")
	}
}
