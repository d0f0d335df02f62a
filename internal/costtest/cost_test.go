package costtest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

var update = flag.Bool("update", false, "write the figures into docs/benchmarks.md") //nolint:gochecknoglobals // a flag

// Each operation costs exactly what docs/benchmarks.md says: units, round trips, bytes
// and allocations.
func TestCosts(t *testing.T) {
	w := newWorld(t)
	var all []figures
	for _, o := range operations() {
		all = append(all, w.measure(t, o))
	}
	check(t, "costs", costTable(all), costColumns(), *update)
}

// BenchmarkCosts reports the time of each operation without the engine's, and that of
// the SDK's part.
//
//	go test -run '^$' -bench Costs ./internal/costtest
func BenchmarkCosts(b *testing.B) {
	w := newWorld(b)
	for _, o := range operations() {
		all, sdk := w.record(b, o)
		for part, run := range map[string]func(){"all": all, "SDK": sdk} {
			b.Run(strings.ReplaceAll(o.name, " ", "_")+"/"+part, func(b *testing.B) {
				for b.Loop() {
					run()
				}
			})
		}
	}
}

// Each function's binary is as large as docs/benchmarks.md says. Another version of Go
// makes a small difference.
func TestBinarySizes(t *testing.T) {
	built := lambdatest.Build(t, dynamotest.Root(t), "arm64", "./functions/...")
	entries, err := os.ReadDir(built)
	if err != nil || len(entries) == 0 {
		t.Fatalf("got no binaries (%v), want at least one", err)
	}
	table := []string{"| function | KB |", "|---|---|"}
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(built, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		table = append(table, fmt.Sprintf("| %s | %d |", entry.Name(), info.Size()/1000))
	}
	const percent = 0.9 // less than 100 KB: the linker rounds sections up to 64 KiB
	check(t, "binaries", table, []column{{1, "KB", percent}}, *update)
}

// The comparison finds one unit, round trip, byte or allocation more, and 100 KB.
func TestCompare(t *testing.T) {
	committed := costTable([]figures{{name: "get", sent: 170, received: 1136, own: allocations{411, 35_792}, sdk: allocations{426, 32_832}}})
	for name, change := range map[string]func(*figures){
		"read unit":       func(f *figures) { f.logged.ReadUnits++ },
		"write unit":      func(f *figures) { f.logged.WriteUnits += 0.5 },
		"round trip":      func(f *figures) { f.logged.RoundTrips++ },
		"byte":            func(f *figures) { f.sent++ },
		"allocation":      func(f *figures) { f.own.count++ },
		"allocation less": func(f *figures) { f.own.count-- },
		"other name":      func(f *figures) { f.name = "got" },
	} {
		f := figures{name: "get", sent: 170, received: 1136, own: allocations{411, 35_792}, sdk: allocations{426, 32_832}}
		change(&f)
		if compare(committed, costTable([]figures{f}), costColumns()) == nil {
			t.Errorf("%s: got no difference, want one", name)
		}
	}
	if got := compare(committed, committed, costColumns()); got != nil {
		t.Errorf("got %v, want no difference", got)
	}
	if compare([]string{"| list | 8900 |"}, []string{"| list | 9000 |"}, []column{{1, "KB", 0.9}}) == nil {
		t.Error("100 KB: got no difference, want one")
	}
}
