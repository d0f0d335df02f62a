package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// A priceChange is one difference between two price tables. An empty text means
// that a table does not have it.
type priceChange struct {
	What string `json:"what"` // such as "models.gpt-4o"
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// pricesDiff returns what changes from one table to another, sorted. A nil table
// has nothing.
func pricesDiff(from, to *price.Table) []priceChange {
	a, b := priceLines(from), priceLines(to)
	all := maps.Clone(a)
	maps.Copy(all, b)
	changes := []priceChange{}
	for _, what := range slices.SortedFunc(maps.Keys(all), compareLines) {
		if a[what] != b[what] {
			changes = append(changes, priceChange{what, a[what], b[what]})
		}
	}
	return changes
}

// compareLines puts the settings before the models.
func compareLines(a, b string) int {
	model := func(s string) int { return len(s) - len(strings.TrimPrefix(s, "models.")) }
	return cmp.Or(cmp.Compare(model(a), model(b)), strings.Compare(a, b))
}

// priceLines returns everything in a table as text.
func priceLines(t *price.Table) map[string]string {
	lines := map[string]string{}
	if t == nil {
		return lines
	}
	lines["units_per_dollar"] = fmt.Sprint(t.Scale())
	lines["unpriced"] = "refuse"
	if t.Unpriced != nil {
		lines["unpriced"] = t.Unpriced.String()
	}
	for name, factor := range t.Groups {
		lines["groups."+name] = factor.String()
	}
	for name, m := range t.Models {
		lines["models."+name] = m.String()
	}
	return lines
}

// describeChanges returns a line for each change.
func describeChanges(changes []priceChange) string {
	var text strings.Builder
	for _, c := range changes {
		what := visible(c.What)
		switch {
		case c.From == "":
			_, _ = fmt.Fprintf(&text, "+ %s %s\n", what, c.To) // a Builder never fails
		case c.To == "":
			_, _ = fmt.Fprintf(&text, "- %s %s\n", what, c.From)
		default:
			_, _ = fmt.Fprintf(&text, "~ %s %s → %s\n", what, c.From, c.To)
		}
	}
	return text.String()
}
