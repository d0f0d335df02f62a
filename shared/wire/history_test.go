package wire_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// Pages of a history add up: rows of the same time, model or token are one.
func TestHistoryPlus(t *testing.T) {
	sums := func(units int64, dollars string) wire.UsageSums {
		return wire.UsageSums{Requests: 1, Units: units, Dollars: dollars, OutputTokens: units}
	}
	page := func(next string, rows ...wire.UsageRow) wire.UsageHistory {
		h := wire.UsageHistory{By: "day", Total: wire.UsageSums{Dollars: "0"}, Refusals: map[string]int64{"expired": 2}, Next: next}
		for _, row := range rows {
			h.Rows, h.Total = append(h.Rows, row), h.Total.Plus(row.UsageSums)
		}
		return h
	}
	row := func(start int64, model string, s wire.UsageSums) wire.UsageRow {
		return wire.UsageRow{Start: &start, Model: &model, UsageSums: s}
	}
	got := page("3", row(2, "a", sums(1, "0.000000001")), row(2, "b", sums(10, "0"))).Plus(page("", row(1, "a", sums(100, "12")), row(2, "a", sums(1000, "0.25"))))
	want := wire.UsageHistory{
		By: "day", Refusals: map[string]int64{"expired": 4},
		Rows:  []wire.UsageRow{row(1, "a", sums(100, "12")), row(2, "a", wire.UsageSums{Requests: 2, Units: 1001, Dollars: "0.250000001", OutputTokens: 1001}), row(2, "b", sums(10, "0"))},
		Total: wire.UsageSums{Requests: 4, Units: 1111, Dollars: "12.250000001", OutputTokens: 1111},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A reader of CSV gets each name back, whatever is in it, and no cell begins like a
// formula.
func TestHistoryCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"=1+1", "+1", "-1", "@a", "\ta", "\r", "'", "'=", "a,\"b\"", "a\nb"}))
		var rows []wire.UsageRow
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			rows = append(rows, wire.UsageRow{Model: new(text.Draw(t, "model")), Name: new(text.Draw(t, "name")), UsageSums: wire.UsageSums{Dollars: "0"}})
		}
		var b strings.Builder
		if err := wire.WriteHistoryCSV(&b, rows); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil || len(records) != len(rows) {
			t.Fatalf("got %d records, %v, want %d", len(records), err, len(rows))
		}
		for i, record := range records {
			for column, want := range map[int]string{1: *rows[i].Model, 3: *rows[i].Name} {
				cell := record[column]
				if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
					t.Fatalf("cell %q begins like a formula", cell)
				}
				// The reader of Go turns CR LF in a cell into LF, and the writer LF into CR LF.
				plain := strings.NewReplacer("\r\n", "\n", "\r", "").Replace
				if got := strings.TrimPrefix(cell, "'"); plain(got) != plain(want) {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			if len(record) != len(wire.HistoryCSVHeader()) {
				t.Fatalf("got %d cells, want %d", len(record), len(wire.HistoryCSVHeader()))
			}
		}
	})
}
