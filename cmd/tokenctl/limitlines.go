package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// statusLine returns the status of a token. If the key has leaked, or if only windows
// are used up, it says what makes it work again.
func statusLine(t wire.Token) string {
	if t.LeakedTime != 0 {
		return "disabled: the key leaked, and was revoked at " + timestamp(t.LeakedTime) + "; rotate the token"
	}
	if t.Status == wire.Exhausted && t.ResetsAt != 0 && (t.UnlimitedQuota || t.RemainQuota > 0) {
		return statusName(t.Status) + " until " + timestamp(t.ResetsAt)
	}
	return statusName(t.Status)
}

// limitLines returns a name and a text for each window, each model quota and the
// rates.
func limitLines(l wire.Limits, perDollar int64) [][2]string {
	var lines [][2]string
	for _, w := range l.Windows {
		next := "begins with the next use"
		if w.ResetsAt != 0 {
			next = "resets at " + timestamp(w.ResetsAt)
		}
		if w.Extra != nil {
			next = "raised " + raise(w.Extra, perDollar) + "; " + next
		}
		lines = append(lines, [2]string{"Window", fmt.Sprintf("%s: %s; %s", windowName(w), use(w.Used, w.Quota, w.Remaining, perDollar), next)})
	}
	for _, q := range l.ModelQuotas {
		lines = append(lines, [2]string{"Model quota", q.Model + ": " + use(q.Used, q.Quota, q.Remaining, perDollar)})
	}
	var rates []string
	for _, rate := range []struct {
		most int64
		of   string
	}{{l.RequestsPerMinute, "requests per minute"}, {l.UnitsPerMinute, "units per minute"}, {l.MaxConcurrent, "at the same time"}} {
		if rate.most != 0 {
			rates = append(rates, fmt.Sprintf("%d %s", rate.most, rate.of))
		}
	}
	if rates != nil {
		lines = append(lines, [2]string{"Rates", strings.Join(rates, ", ")})
	}
	return lines
}

// raise returns by how much and until when a quota is raised.
func raise(e *wire.Extra, perDollar int64) string {
	return fmt.Sprintf("by %s until %s", amount(e.Units, perDollar), timestamp(e.Until))
}

func use(used, quota, remaining, perDollar int64) string {
	return fmt.Sprintf("%s of %s used, %s left", amount(used, perDollar), amount(quota, perDollar), amount(remaining, perDollar))
}

// windowName returns the period of a window, its time zone, and where it begins
// if that is not midnight of the first day.
func windowName(w wire.Window) string {
	name := w.Period
	if w.Timezone != "" {
		name += ", " + w.Timezone
	}
	if w.Anchor == nil {
		return name
	}
	if w.Anchor.Weekday > 1 {
		name += ", from " + time.Weekday(w.Anchor.Weekday%7).String()
	}
	if w.Anchor.Day > 1 {
		name += fmt.Sprintf(", from day %d", w.Anchor.Day)
	}
	if w.Anchor.Hour != 0 {
		name += fmt.Sprintf(", from %d:00", w.Anchor.Hour)
	}
	return name
}

// tightest returns the use of the window with the smallest part left, or - if
// there is no window.
func tightest(windows []wire.Window) string {
	if len(windows) == 0 {
		return "-"
	}
	least := windows[0]
	for _, w := range windows[1:] {
		if part(w) < part(least) {
			least = w
		}
	}
	text := fmt.Sprintf("%s: %d of %d left", least.Period, least.Remaining, least.Quota)
	if others := len(windows) - 1; others > 0 {
		text += fmt.Sprintf(" (+%d)", others)
	}
	return text
}

// part returns the part of a window that is left.
func part(w wire.Window) float64 { return float64(w.Remaining) / float64(max(w.Quota, 1)) }
