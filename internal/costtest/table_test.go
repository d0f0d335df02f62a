package costtest_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/infra/listprice"
)

// A column of a table, by its index in a row, that is compared with the committed one.
type column struct {
	index   int
	name    string
	percent float64 // how far a figure may differ
}

// costColumns are the columns of the costs that are compared. Allocations of the SDK
// depend on the order in which it walks maps. Bytes of memory depend on the version of
// Go, and follow the allocations.
func costColumns() []column {
	return []column{
		{1, "read units", 0},
		{2, "write units", 0},
		{3, "round trips", 0},
		{5, "bytes sent", 0},
		{6, "bytes received", 0},
		{7, "allocations of our own code", 0},
		{9, "allocations of the SDK", 1},
	}
}

// costTable is the table of all figures.
func costTable(all []figures) []string {
	table := []string{
		"| operation | read units | write units | round trips | DynamoDB, $ per million | bytes sent | bytes received | allocations, own | KB, own | allocations, SDK | KB, SDK |",
		"|---|---|---|---|---|---|---|---|---|---|---|",
	}
	for _, f := range all {
		l := f.logged
		table = append(table, fmt.Sprintf("| %s | %g | %g | %d | %.3f | %d | %d | %d | %.0f | %d | %.0f |", f.name, l.ReadUnits, l.WriteUnits, l.RoundTrips,
			1e6*listprice.OfUnits(l.ReadUnits, l.WriteUnits), f.sent, f.received, f.own.count, kilobytes(f.own), f.sdk.count, kilobytes(f.sdk)))
	}
	return table
}

func kilobytes(a allocations) float64 { return float64(a.bytes) / 1000 }

// compare returns in which figures two tables differ, in one line each. Fewer than
// were committed are a difference, too: the table is what the code costs.
func compare(committed, measured []string, columns []column) (differences []string) {
	want := map[string][]string{}
	for _, row := range committed {
		cells := cellsOf(row)
		want[cells[0]] = cells
	}
	for _, row := range measured {
		got := cellsOf(row)
		w, ok := want[got[0]]
		delete(want, got[0])
		if !ok || len(w) != len(got) {
			differences = append(differences, got[0]+": its row is not in the committed table")
			continue
		}
		for _, c := range columns {
			if differs(w[c.index], got[c.index], c.percent) {
				differences = append(differences, fmt.Sprintf("%s: %s %s, in the committed table %s", got[0], got[c.index], c.name, w[c.index]))
			}
		}
	}
	for name := range want {
		differences = append(differences, name+": only in the committed table")
	}
	return differences
}

func differs(a, b string, percent float64) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err != nil || err2 != nil {
		return a != b
	}
	return max(x, y) > min(x, y)*(1+percent/100)
}

func cellsOf(row string) []string {
	cells := strings.Split(strings.Trim(row, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}
