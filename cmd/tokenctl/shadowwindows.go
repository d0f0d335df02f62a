package main

import (
	"fmt"
	"slices"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// windows compares budgets that renew.
func (c *comparison) windows() {
	known := make([]bool, len(c.here.Windows))
	for _, there := range c.there.Windows {
		what := "quota of each " + there.Period
		begins, _ := period.Period{Length: there.Period}.Normalize() // as the import sets it
		i := slices.IndexFunc(c.here.Windows, func(w token.Window) bool { return w.Period == begins })
		if i < 0 {
			i = slices.IndexFunc(c.here.Windows, func(w token.Window) bool { return w.Length == there.Period })
		}
		if i < 0 {
			c.add(looser, what, fmt.Sprint(there.Quota), "none")
			continue
		}
		known[i] = true
		if begins != c.here.Windows[i].Period { // what is used up there begins anew here
			c.add(looser, "begin of each "+there.Period, periodName(begins), periodName(c.here.Windows[i].Period))
		}
		c.window(what, there, c.here.Windows[i])
	}
	for i, here := range c.here.Windows {
		if !known[i] {
			c.add(stricter, "quota of each "+here.Length, "none", fmt.Sprint(here.Quota))
		}
	}
}

// periodName is windowName of a period.
func periodName(p period.Period) string {
	anchor := wire.Anchor{Hour: int64(p.Anchor.Hour), Weekday: int64(p.Anchor.Weekday), Day: int64(p.Anchor.Day)}
	return windowName(wire.Window{Period: p.Length, Timezone: p.Timezone, Anchor: &anchor})
}

// window compares a budget with the window that stands for it: what each has when it
// begins, and what is left of it, with the units that open holds keep.
func (c *comparison) window(what string, there export.ThereWindow, here token.Window) {
	use := c.here.WindowUse(here, c.now)
	raised := here.Quota
	if raise, ok := here.RaiseUse(use.Remaining, c.now); ok {
		raised += raise.Units
	}
	c.rate(what, there.Quota, here.Quota)
	if raised > max(here.Quota, there.Quota) {
		c.add(looser, what+" while it is raised", fmt.Sprint(there.Quota), fmt.Sprint(raised))
	}
	left, leftThere := max(0, raised-use.Used), max(0, there.Quota-there.Used)
	switch what += " that is left"; {
	case c.RestartWindows:
	case raised == there.Quota:
		c.left(what, leftThere, left, use.Used-there.Used)
	case raised < there.Quota && left > leftThere:
		c.add(looser, what, fmt.Sprint(leftThere), fmt.Sprint(left))
	}
}
