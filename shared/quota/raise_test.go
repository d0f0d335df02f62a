package quota_test

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A raisedStep is one operation on a token with raises, and the units that are
// free after it.
type raisedStep struct {
	name    string
	seconds int64 // since the start
	kind    quota.Kind
	id      string
	units   int64
	refused string // the scope of a refusal
	charged int64  // of a settlement
	free    int64  // of the lifetime quota, as counted: below 0 if units of an ended raise were used
	day     int64  // remaining of the day
}

// TestRaises checks how raises begin to count and end, on the first days of a
// year in UTC. The token has 100 units, 1,000 each day, and each test raises one of them until 100 s
// after the start.
func TestRaises(t *testing.T) {
	const spend, reserve, settle, release, grow = quota.KindSpend, quota.KindReserve, quota.KindSettle, quota.KindRelease, quota.KindGrow
	start := time.Date(2030, 1, 1, 23, 59, 0, 0, time.UTC).Unix() // the day ends after 60 s
	for name, c := range map[string]struct {
		lifetime, day           int64 // quotas
		raiseLifetime, raiseDay int64
		steps                   []raisedStep
	}{
		"lifetime quota, half of it used": {100, 1000, 50, 0, []raisedStep{
			{"all but 20", 0, spend, "", 130, "", 0, 20, 870},
			{"too much", 1, spend, "", 21, "token", 0, 20, 870},
			{"a second before the end", 99, spend, "", 5, "", 0, 15, 995},
			{"at the end", 100, spend, "", 1, "token", 0, -35, 995},
		}},
		"lifetime quota, not used": {100, 1000, 50, 0, []raisedStep{
			{"less than the quota", 0, spend, "", 60, "", 0, 90, 940},
			{"at the end, more than the quota", 100, spend, "", 41, "token", 0, 40, 1000},
			{"the rest", 100, spend, "", 40, "", 0, 0, 960},
		}},
		"a hold over the end is charged": {100, 1000, 50, 0, []raisedStep{
			{"hold", 0, reserve, "a", 130, "", 0, 20, 870},
			{"settle", 100, settle, "a", 130, "", 130, -30, 1000},
			{"one more", 101, spend, "", 1, "token", 0, -30, 1000},
		}},
		"a hold over the end is charged no more than it has": {100, 1000, 50, 0, []raisedStep{
			{"hold", 0, reserve, "a", 130, "", 0, 20, 870},
			{"settle", 100, settle, "a", 140, "", 130, -30, 1000},
		}},
		"a hold over the end returns": {100, 1000, 50, 0, []raisedStep{
			{"hold", 0, reserve, "a", 130, "", 0, 20, 870},
			{"release", 100, release, "a", 0, "", 0, 100, 1000},
		}},
		"a hold over the end does not grow": {100, 1000, 50, 0, []raisedStep{
			{"hold", 0, reserve, "a", 100, "", 0, 50, 900},
			{"grow", 99, grow, "a", 120, "", 0, 30, 980},
			{"grow after the end", 100, grow, "a", 121, "token", 0, -20, 980},
			{"settle", 101, settle, "a", 120, "", 120, -20, 980},
		}},
		"a hold that expires after the end": {100, 1000, 50, 0, []raisedStep{
			{"hold", 0, reserve, "a", 130, "", 0, 20, 870},
			{"a day later", 86_400, spend, "", 100, "", 0, 0, 900},
		}},
		"window": {1000, 100, 0, 50, []raisedStep{
			{"more than the quota", 0, spend, "", 130, "", 0, 870, 20},
			{"too much", 1, spend, "", 21, "window:day", 0, 870, 20},
			{"the next day, still raised", 60, spend, "", 110, "", 0, 760, 40},
			{"the last of the raise", 99, spend, "", 40, "", 0, 720, 0},
			{"after the end", 100, spend, "", 1, "window:day", 0, 720, 0},
			{"the day after", 86_460, spend, "", 101, "window:day", 0, 720, 100},
			{"all of it", 86_460, spend, "", 100, "", 0, 620, 0},
		}},
		"a window's hold over the end of the raise": {1000, 100, 0, 50, []raisedStep{
			{"hold", 61, reserve, "a", 130, "", 0, 870, 20},
			{"settle for less", 100, settle, "a", 90, "", 90, 910, 10},
			{"the rest", 101, spend, "", 10, "", 0, 900, 0},
		}},
		"a window's hold over both ends": {1000, 100, 0, 50, []raisedStep{
			{"hold", 0, reserve, "a", 130, "", 0, 870, 20},
			{"release", 100, release, "a", 0, "", 0, 1000, 100},
			{"all of it", 100, spend, "", 100, "", 0, 900, 0},
		}},
		"a window that begins after the raise": {1000, 100, 0, 50, []raisedStep{
			{"first use", 100, spend, "", 101, "window:day", 0, 1000, 100},
			{"fits", 100, spend, "", 100, "", 0, 900, 0},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := period.Period{Length: "day"}.Normalize()
			if err != nil {
				t.Fatal(err)
			}
			until := start + 100
			ledger := ledgerOf(c.lifetime+c.raiseLifetime, nil)
			ledger.Windows = []token.Window{{Period: p, Quota: c.day, Raise: raiseOf(c.raiseDay, until)}}
			ledger.Raise = raiseOf(c.raiseLifetime, until)
			for _, s := range c.steps {
				ledger = takeRaised(t, ledger, s, start)
			}
		})
	}
}

func raiseOf(units, until int64) token.Raise {
	if units == 0 {
		return token.Raise{}
	}
	return token.Raise{Units: units, Until: until}
}

// takeRaised carries out a step and returns the ledger after it.
func takeRaised(t *testing.T, l quota.Ledger, s raisedStep, start int64) quota.Ledger {
	t.Helper()
	now := start + s.seconds
	o := quota.Operation{Kind: s.kind, Now: now, ExpiresAt: now + 3600, Question: quota.Question{RequestID: s.id, Quota: s.units}}
	next, changed, err := o.Apply(l)
	var refused quota.RefusedError
	if err != nil && !errors.As(err, &refused) || refused.Scope != s.refused {
		t.Fatalf("%s: got %v by %q, want a refusal by %q", s.name, err, refused.Scope, s.refused)
	}
	if r, _ := o.Record(next); r.Charged != s.charged {
		t.Errorf("%s: charged %d, want %d", s.name, r.Charged, s.charged)
	}
	if free, day := next.FreeAt(now), next.WindowUse(next.Windows[0], now).Remaining; free != s.free || day != s.day {
		t.Errorf("%s: got %d free, %d of the day, want %d and %d", s.name, free, day, s.free, s.day)
	}
	if changed && next.HasEndedRaise(now) {
		t.Errorf("%s: a raise that has ended was kept: %+v, %+v", s.name, next.Raise, next.Windows[0].Raise)
	}
	if u := next.UsageAt(now); u.Available < 0 {
		t.Errorf("%s: got the usage %+v", s.name, u)
	}
	return next
}
