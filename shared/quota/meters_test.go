package quota_test

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A step is one operation on a token with windows, and what must be left of
// each window after it.
type step struct {
	name    string
	seconds int64 // since the start
	kind    quota.Kind
	id      string
	units   int64
	refused string  // the scope of a refusal
	charged int64   // of a settlement
	left    []int64 // of each window
}

// TestWindows checks how windows are counted, on the first days of a year in UTC.
func TestWindows(t *testing.T) {
	const spend, reserve, settle, release, grow = quota.KindSpend, quota.KindReserve, quota.KindSettle, quota.KindRelease, quota.KindGrow
	const hour, day = 3600, 86_400
	start := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC).Unix()
	window := func(length string, units int64) token.Window {
		p, err := period.Period{Length: length}.Normalize()
		if err != nil {
			t.Fatal(err)
		}
		return token.Window{Period: p, Quota: units}
	}
	for name, c := range map[string]struct {
		windows []token.Window
		left    int64 // lifetime quota
		steps   []step
	}{
		"a day renews at midnight": {[]token.Window{window("day", 10)}, 100, []step{
			{"all of it", 0, spend, "", 10, "", 0, []int64{0}},
			{"one more", 1, spend, "", 1, "window:day", 0, []int64{0}},
			{"a second before midnight", 12*hour - 1, spend, "", 1, "window:day", 0, []int64{0}},
			{"midnight", 12 * hour, spend, "", 4, "", 0, []int64{6}},
			{"the day after", 12*hour + day, spend, "", 1, "", 0, []int64{9}},
		}},
		"five hours begin with the first use": {[]token.Window{window("5h", 10)}, 100, []step{
			{"first use", hour, spend, "", 10, "", 0, []int64{0}},
			{"before the end", 6*hour - 1, spend, "", 1, "window:5h", 0, []int64{0}},
			{"long after the end", 20 * hour, spend, "", 1, "", 0, []int64{9}},
			{"five hours later", 25 * hour, spend, "", 2, "", 0, []int64{8}},
		}},
		"the smallest quota decides": {[]token.Window{window("5h", 10), window("day", 15)}, 18, []step{
			{"five hours", 0, spend, "", 11, "window:5h", 0, []int64{10, 15}},
			{"fits", 0, spend, "", 10, "", 0, []int64{0, 5}},
			{"the day", 6 * hour, spend, "", 6, "window:day", 0, []int64{0, 5}},
			{"fits again", 6 * hour, spend, "", 5, "", 0, []int64{5, 0}},
			{"the lifetime quota", 13 * hour, spend, "", 4, "token", 0, []int64{5, 0}},
		}},
		"a hold returns to its window": {[]token.Window{window("day", 10), window("month", 100)}, 100, []step{
			{"hold", 0, reserve, "a", 8, "", 0, []int64{2, 92}},
			{"too much", 1, reserve, "b", 3, "window:day", 0, []int64{2, 92}},
			{"settle", 2, settle, "a", 5, "", 5, []int64{5, 95}},
		}},
		"a return to a window that ended vanishes": {[]token.Window{window("day", 10), window("month", 100)}, 100, []step{
			{"hold", 0, reserve, "a", 8, "", 0, []int64{2, 92}},
			{"another", 0, reserve, "b", 2, "", 0, []int64{0, 90}},
			{"next day", 13 * hour, spend, "", 1, "", 0, []int64{9, 89}},
			{"settle", 13 * hour, settle, "a", 5, "", 5, []int64{9, 92}},
			{"release", 13 * hour, release, "b", 0, "", 0, []int64{9, 94}},
		}},
		"more than the hold is charged as far as windows allow": {[]token.Window{window("day", 10)}, 100, []step{
			{"hold", 0, reserve, "a", 4, "", 0, []int64{6}},
			{"settle", 1, settle, "a", 20, "", 10, []int64{0}},
		}},
		"more than the hold counts in the window of its charge": {[]token.Window{window("day", 10)}, 100, []step{
			{"hold", 0, reserve, "a", 4, "", 0, []int64{6}},
			{"settle the next day", 13 * hour, settle, "a", 7, "", 7, []int64{7}},
		}},
		"a hold grows within its windows": {[]token.Window{window("day", 10)}, 100, []step{
			{"hold", 0, reserve, "a", 4, "", 0, []int64{6}},
			{"grow too far", 1, grow, "a", 11, "window:day", 0, []int64{6}},
			{"grow", 1, grow, "a", 9, "", 0, []int64{1}},
			{"settle", 2, settle, "a", 2, "", 2, []int64{8}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ledger := ledgerOf(c.left, nil)
			ledger.Windows = c.windows
			for _, s := range c.steps {
				ledger = take(t, ledger, s, start)
			}
		})
	}
}

// take carries out a step and returns the ledger after it.
func take(t *testing.T, l quota.Ledger, s step, start int64) quota.Ledger {
	t.Helper()
	o := quota.Operation{Kind: s.kind, Now: start + s.seconds, ExpiresAt: start + s.seconds + 30*86_400, Question: quota.Question{RequestID: s.id, Quota: s.units}}
	next, _, err := o.Apply(l)
	var refused quota.RefusedError
	if err != nil && !errors.As(err, &refused) || refused.Scope != s.refused {
		t.Fatalf("%s: got %v by %q, want a refusal by %q", s.name, err, refused.Scope, s.refused)
	}
	if r, _ := o.Record(next); r.Charged != s.charged {
		t.Errorf("%s: charged %d, want %d", s.name, r.Charged, s.charged)
	}
	for i, w := range next.Windows {
		left := w.Quota
		if w.Number != 0 {
			left = w.Left
		}
		if left != s.left[i] {
			t.Errorf("%s: window %s has %d left, want %d", s.name, w.Length, left, s.left[i])
		}
	}
	return next
}
