package soaktest_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/benchdoc"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

//nolint:gochecknoglobals // flags of the test
var (
	lasts    = flag.Duration("lasts", time.Minute, "how long TestSoak makes requests; 4 s with -short")
	users    = flag.Int("users", 50, "how many users make requests; 5 with -short")
	tokens   = flag.Int("tokens", 100_000, "how many tokens all users have at first; 1,000 with -short")
	rate     = flag.Float64("rate", 60, "how many operations a second all users begin together")
	busy     = flag.Float64("busy", 3, "how many requests of 100 may be answered with 503 and repeated")
	tokenctl = flag.String("tokenctl", "", "the binary to load (default: one that is built from this project)")
	update   = flag.Bool("update", false, "write the tables of docs/soak.md")
)

// TestSoak makes requests of many users with many tokens, and then checks that none
// failed, that no process has grown, and that the server has exactly what it has
// acknowledged. Last it breaks each check on purpose.
func TestSoak(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory and open files are read from /proc, which only Linux has")
	}
	if testing.Short() {
		*lasts, *users, *tokens = 4*time.Second, 5, 1_000
	}
	binary := *tokenctl
	if binary == "" {
		binary = filepath.Join(lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./cmd/tokenctl"), "tokenctl")
	}
	started := time.Now()
	s := newSoak(t, binary)
	t.Logf("%d users with %d tokens are ready after %.0f s", *users, *tokens, time.Since(started).Seconds())

	s.open(t)
	s.traffic(t)
	if t.Failed() {
		t.FailNow()
	}
	requests := s.requestTable()
	t.Log("\n" + strings.Join(requests, "\n"))
	started = time.Now()
	seen := s.observe(t)
	t.Logf("the server's side is read after %.0f s", time.Since(started).Seconds())
	drifts := s.compare(seen)
	processes := s.end(t)

	memory, drift := memoryTable(processes), driftTable(drifts)
	t.Log("\n" + strings.Join(memory, "\n") + "\n\n" + strings.Join(drift, "\n"))
	for _, problem := range requestProblems(s.stats, *busy) {
		t.Error(problem)
	}
	for _, p := range processes {
		t.Logf("%s, resident MB: %.0f", p.name, thinned(p.resident))
		t.Logf("%s, live heap MB: %.0f", p.name, thinned(p.live))
		t.Logf("%s, some answers with 503: %s", p.name, p.unavailable)
		for _, problem := range p.problems(!testing.Short()) {
			t.Errorf("%s: %s", p.name, problem)
		}
	}
	for _, d := range drifts {
		if d.differ != 0 || d.compared == 0 {
			t.Errorf("%s: %d in the ledger, %d on the server, and a difference of %d in %d comparisons: %q", d.kind, d.ledger, d.server, d.differ, d.compared, d.examples)
		}
	}
	s.checkBreaks(t, seen)
	checkTables(t, map[string][]string{"requests": requests, "memory": memory, "drift": drift})
}

// checkTables writes the tables into the document, or checks that it has the same rows.
func checkTables(t *testing.T, tables map[string][]string) {
	t.Helper()
	const document = "soak.md"
	if *update && !t.Failed() {
		machine := benchdoc.MeasuredOn(benchdoc.Machine(t))
		for name, table := range tables {
			benchdoc.Write(t, document, name, table)
		}
		benchdoc.Write(t, document, "machine", append(machine, fmt.Sprintf("%s of requests, %d users, %d tokens.", *lasts, *users, *tokens)))
	}
	for name, table := range tables {
		if want, got := firstCells(benchdoc.Read(t, document, name)), firstCells(table); !slices.Equal(want, got) {
			t.Errorf("docs/soak.md has the rows %q, and this test %q: `make soak` writes them", want, got)
		}
	}
}

func firstCells(table []string) (all []string) {
	for _, row := range table {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		all = append(all, strings.TrimSpace(cell))
	}
	return all
}

// traffic lets all workers make requests at the rate of the flag, and samples the
// processes meanwhile.
func (s *soak) traffic(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), *lasts)
	defer cancel()
	var workers sync.WaitGroup
	pause := time.Duration(float64(len(s.workers)) / *rate * float64(time.Second))
	for _, w := range s.workers {
		workers.Go(func() { w.run(ctx, pause) })
	}
	for _, p := range s.processes {
		workers.Go(func() { p.sample(ctx, s.upstream) })
	}
	workers.Wait()
	s.client.CloseIdleConnections()
}
