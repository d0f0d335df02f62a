package soaktest_test

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// requestProblems returns what is wrong with the requests: any answer that is not the
// wanted one, and more answers with 503 than so many of 100.
func requestProblems(stats map[string]*stat, mostBusy float64) (all []string) {
	requests, refusals := 0, 0
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		s := stats[name]
		requests, refusals = requests+len(s.took)+s.busy, refusals+s.busy
		for i, text := range s.errors {
			const shown = 3
			if i < shown {
				all = append(all, name+": "+text)
			}
		}
		if n := len(s.errors); n > 1 {
			all = append(all, fmt.Sprintf("%s: %d errors in all", name, n))
		}
	}
	if share := 100 * float64(refusals) / float64(max(requests, 1)); share > mostBusy {
		all = append(all, fmt.Sprintf("%d of %d requests were answered with 503: %.2f %%, want at most %g %%", refusals, requests, share, mostBusy))
	}
	return all
}

func (s *soak) requestTable() []string {
	table := []string{"| operation | requests | errors | 503 | refused, as they should | p50, ms | p99, ms |", "|---|---|---|---|---|---|---|"}
	total := new(stat)
	row := func(name string, s *stat) {
		table = append(table, fmt.Sprintf("| %s | %d | %d | %d | %d | %.1f | %.1f |", name, len(s.took), len(s.errors), s.busy, s.refused, quantile(s.took, 50), quantile(s.took, 99)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.stats)) {
		one := s.stats[name]
		if name == failedReads {
			continue
		}
		row(name, one)
		total.took, total.errors = append(total.took, one.took...), append(total.errors, one.errors...)
		total.busy, total.refused = total.busy+one.busy, total.refused+one.refused
	}
	row("all", total)
	return table
}

// quantile returns the time that a number of requests in 100 took at most, in
// milliseconds.
func quantile(all []time.Duration, percent int) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return float64(sorted[(len(sorted)-1)*percent/100]) / float64(time.Millisecond)
}

func memoryTable(processes []*process) []string {
	table := []string{"| process | resident, warm, MB | at the end, MB | live heap, warm, MB | at the end, MB | goroutines at the end | open files at the end |", "|---|---|---|---|---|---|---|"}
	for _, p := range processes {
		begin, end := growth(p.resident)
		heapBegin, heapEnd := growth(p.live)
		table = append(table, fmt.Sprintf("| `%s` | %.0f | %.0f | %.0f | %.0f | %d | %d |", p.name, begin, end, heapBegin, heapEnd, p.goroutines, p.filesAtEnd))
	}
	return table
}

func driftTable(drifts []*drift) []string {
	table := []string{"| what is compared | numbers compared | in the ledger | on the server | difference |", "|---|---|---|---|---|"}
	for _, d := range drifts {
		table = append(table, fmt.Sprintf("| %s | %d | %d | %d | %d |", d.kind, d.compared, d.ledger, d.server, d.differ))
	}
	return table
}
