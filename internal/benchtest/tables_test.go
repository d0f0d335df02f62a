// Package benchtest_test measures times: requests a second, latencies, and the start of
// functions. `make bench` writes its tables into docs/benchmarks.md. The tests run the
// same code with few requests and check that each row of the document exists. They
// compare no time.
package benchtest_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/benchdoc"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

var timed = flag.Bool("timed", false, "measure long enough, and write docs/benchmarks.md and docs/benchmarks.txt") //nolint:gochecknoglobals // a flag

// A scale says how long to measure.
type scale struct {
	rounds     int
	lasts      time.Duration // a round
	tokens     int64         // of the user whose tokens are read
	deleted    int64         // tokens to delete
	mostTokens int64         // of a user in the table of pages
	warmUps    int           // requests of an operation before it is recorded
	samples    int           // requests of an operation that are recorded for the engine alone, at most tokens
	streams    int64         // that are tried at most, open at a time
	starts     int           // of each function
}

func theScale() scale {
	if *timed {
		return scale{rounds: 6, lasts: 400 * time.Millisecond, tokens: 1_000, deleted: 15_000, mostTokens: 100_000, warmUps: 50, samples: 1_000, streams: 20_000, starts: 60}
	}
	return scale{rounds: 1, lasts: time.Millisecond, tokens: 120, deleted: 200, mostTokens: 120, warmUps: 1, samples: 3, streams: 3, starts: 1}
}

// document has the tables.
const document = "benchmarks.md"

// A bench is what all measurements have.
type bench struct {
	scale
	tokenctl string // the binary
	raw      []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	folder := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./cmd/tokenctl")
	return &bench{scale: theScale(), tokenctl: filepath.Join(folder, "tokenctl")}
}

// The tables of docs/benchmarks.md have the rows that this package measures.
func TestTables(t *testing.T) {
	b := newBench(t)
	tables := map[string][]string{}
	for _, part := range []struct {
		name    string
		measure func(testing.TB) []string
	}{{"requests", b.requests}, {"gateway", b.gateway}, {"leases", b.leases}, {"start", b.start}, {"pages", b.pagesTable}} {
		t.Run(part.name, func(t *testing.T) {
			tables[part.name] = part.measure(t)
			if !*timed {
				same(t, benchdoc.Read(t, document, part.name), tables[part.name])
			}
		})
	}
	if !*timed || t.Failed() {
		return
	}
	measuredOn := benchdoc.Machine(t) // before the tables are written, which changes the project
	for name, table := range tables {
		benchdoc.Write(t, document, name, table)
	}
	benchdoc.Write(t, document, "machine", benchdoc.MeasuredOn(measuredOn))
	head := append([]string{"goos: " + runtime.GOOS, "goarch: " + runtime.GOARCH}, measuredOn...)
	for i, line := range head[2:] {
		head[i+2] = strings.Replace(line, " ", ": ", 1)
	}
	text := strings.Join(append(head, b.raw...), "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dynamotest.Root(t), "docs", "benchmarks.txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// same checks that two tables have the same header and the same rows, by what does not
// depend on the machine.
func same(t *testing.T, committed, measured []string) {
	t.Helper()
	if want, got := labels(committed), labels(measured); !slices.Equal(want, got) {
		t.Errorf("docs/benchmarks.md has the rows\n%s\nbut measured are\n%s\n`make bench` writes them", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// labels returns the header of a table and the first cell of each row.
func labels(table []string) (all []string) {
	for i, row := range table {
		if i > 1 {
			row = regexp.MustCompile(`^\|[^|]*\|`).FindString(row)
		}
		all = append(all, row)
	}
	return all
}
