package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// raisedToken has 100 free units and three windows, two of which have the same
// length.
func raisedToken(t *testing.T) token.Token {
	t.Helper()
	made, err := token.New(token.Settings{Name: new("app"), RemainQuota: new(int64(100)), Windows: []token.Window{
		{Period: period.Period{Length: "5h"}, Quota: 10},
		{Period: period.Period{Length: "day", Timezone: "Europe/Berlin"}, Quota: 20},
		{Period: period.Period{Length: "day", Timezone: "Europe/Berlin", Anchor: period.Anchor{Hour: 8}}, Quota: 30},
	}}, 1, 1_800_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A raise changes the quota that is named, and nothing else.
func TestRaiseChange(t *testing.T) {
	const now, later = 1_800_000_000, 1_800_000_600
	hour := func(h int) *period.Anchor { return &period.Anchor{Hour: h} }
	raise := func(units int64) token.Raise { return token.Raise{Units: units, Until: later} }
	for name, row := range map[string]struct {
		change    token.RaiseChange
		unlimited bool
		free      [4]int64 // units of the lifetime quota and of each window
		refused   string
	}{
		"lifetime quota":             {change: token.RaiseChange{Raise: raise(7)}, free: [4]int64{107, 10, 20, 30}},
		"largest sum":                {change: token.RaiseChange{Raise: raise(token.MaxInteger - 100)}, free: [4]int64{token.MaxInteger, 10, 20, 30}},
		"sum too large":              {change: token.RaiseChange{Raise: raise(token.MaxInteger - 99)}, refused: "units would raise remain_quota above"},
		"unlimited":                  {change: token.RaiseChange{Raise: raise(7)}, unlimited: true, refused: "window is required"},
		"ended while unlimited":      {change: token.RaiseChange{}, unlimited: true, free: [4]int64{100, 10, 20, 30}},
		"window":                     {change: token.RaiseChange{raise(7), &token.WindowName{Length: "5h"}}, free: [4]int64{100, 17, 20, 30}},
		"window of unlimited":        {change: token.RaiseChange{raise(7), &token.WindowName{Length: "5h"}}, unlimited: true, free: [4]int64{100, 17, 20, 30}},
		"same length, another unit":  {change: token.RaiseChange{raise(7), &token.WindowName{Length: "300m"}}, free: [4]int64{100, 17, 20, 30}},
		"one of two by its anchor":   {change: token.RaiseChange{raise(7), &token.WindowName{Length: "day", Anchor: hour(8)}}, free: [4]int64{100, 10, 20, 37}},
		"the other by its anchor":    {change: token.RaiseChange{raise(7), &token.WindowName{Length: "day", Timezone: new("Europe/Berlin"), Anchor: hour(0)}}, free: [4]int64{100, 10, 27, 30}},
		"two windows":                {change: token.RaiseChange{raise(7), &token.WindowName{Length: "day", Timezone: new("Europe/Berlin")}}, refused: "window fits more than one"},
		"another time zone":          {change: token.RaiseChange{raise(7), &token.WindowName{Length: "day", Timezone: new("UTC")}}, refused: "5h, day, day"},
		"no such window":             {change: token.RaiseChange{raise(7), &token.WindowName{Length: "week"}}, refused: "5h, day, day"},
		"no period":                  {change: token.RaiseChange{raise(7), &token.WindowName{Length: "?"}}, refused: "5h, day, day"},
		"sum of window is too large": {change: token.RaiseChange{raise(token.MaxInteger), &token.WindowName{Length: "5h"}}, refused: "units would raise the window's quota"},
	} {
		t.Run(name, func(t *testing.T) {
			tok := raisedToken(t)
			tok.UnlimitedQuota = row.unlimited
			before := tok.Windows[0]
			got, err := token.Change{Raise: &row.change, Now: now}.Limit(tok)
			if row.refused != "" || err != nil {
				var invalid *token.InvalidError
				if !errors.As(err, &invalid) || row.refused == "" || !strings.Contains(err.Error(), row.refused) {
					t.Fatalf("got %v, want an InvalidError with %q", err, row.refused)
				}
				return
			}
			if free := freeOf(got, now); free != row.free {
				t.Errorf("got %v free, want %v", free, row.free)
			}
			if free := freeOf(got, later-1); free != row.free {
				t.Errorf("a second before the end: got %v free, want %v", free, row.free)
			}
			if free := freeOf(got, later); free != [4]int64{100, 10, 20, 30} {
				t.Errorf("after the end: got %v free, want the quotas", free)
			}
			if tok.Windows[0] != before {
				t.Error("the token that was passed has changed")
			}
		})
	}
}

func freeOf(t token.Token, now int64) (free [4]int64) {
	free[0] = t.RemainAt(now)
	for i, w := range t.Windows {
		free[i+1] = t.WindowUse(w, now).Remaining
	}
	return free
}

// A raise replaces the one before, also one that has ended, and 0 ends it.
func TestRaiseIsReplaced(t *testing.T) {
	const now = 1_800_000_000
	for name, window := range map[string]*token.WindowName{"lifetime": nil, "window": {Length: "5h"}} {
		t.Run(name, func(t *testing.T) {
			tok, quota := raisedToken(t), int64(100)
			if window != nil {
				quota = 10
				tok.Windows[0].Meter = token.Meter{Number: 1, Left: 10, EndsAt: now + 9_000}
			}
			free := func(at int64) int64 {
				if window == nil {
					return tok.RemainAt(at)
				}
				return tok.WindowUse(tok.Windows[0], at).Remaining
			}
			for _, s := range []struct {
				name         string
				at           int64
				units, until int64
				want         int64
			}{
				{"set", now, 7, now + 100, 7},
				{"more", now + 10, 9, now + 100, 9},
				{"less, after its end", now + 200, 5, now + 300, 5},
				{"the same again", now + 250, 5, now + 300, 5},
				{"ended", now + 260, 0, 0, 0},
				{"ended again", now + 270, 0, 0, 0},
			} {
				next, err := token.Change{Raise: &token.RaiseChange{token.Raise{Units: s.units, Until: s.until}, window}, Now: s.at}.Limit(tok)
				if err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				tok = next
				if got := free(s.at) - quota; got != s.want {
					t.Errorf("%s: raised by %d, want %d", s.name, got, s.want)
				}
				if got := free(s.until+1) - quota; got != 0 {
					t.Errorf("%s: raised by %d after the end", s.name, got)
				}
			}
			if tok.HasEndedRaise(now+1_000) || tok.Raise != (token.Raise{}) {
				t.Errorf("ended, but the token has %+v", tok.Raise)
			}
		})
	}
}

// A window that a change of the settings keeps also keeps its raise.
func TestRaiseOfChangedWindows(t *testing.T) {
	const now = 1_800_000_000
	tok := raisedToken(t)
	tok.Windows[0].Raise = token.Raise{Units: 7, Until: now + 100}
	tok.Windows[0].Meter = token.Meter{Number: 1, Left: 3 + 7, EndsAt: now + 200}
	tok.Windows[1].Raise = token.Raise{Units: 9, Until: now + 100}
	got := token.Settings{Windows: []token.Window{
		{Period: period.Period{Length: "week", Timezone: "UTC", Anchor: period.Anchor{Weekday: 1}}, Quota: 40},
		{Period: tok.Windows[0].Period, Quota: 15},
	}}.Limit(tok)
	for i, want := range [][2]int64{{40, 40}, {15, 8}} { // 10 of 15 remain, and then 3 + 5
		w := got.Windows[i]
		before, after := got.WindowUse(w, now).Remaining, got.WindowUse(w, now+100).Remaining
		if got := [2]int64{before, after}; got != want {
			t.Errorf("window %s: %v remain before and after the end, want %v", w.Length, got, want)
		}
	}
}

// Units of a raise that were used are owed after its end: a delta adds to that.
func TestDeltaAfterRaise(t *testing.T) {
	for _, row := range []struct {
		free, delta int64
		fits        bool
	}{
		{-30, 10, true}, {-30, 100, true}, {-30, -1, false}, {0, -1, false}, {5, -5, true}, {-1, token.MaxInteger, true}, {1, token.MaxInteger, false},
	} {
		if got := token.DeltaFits(row.free, row.delta); got != row.fits {
			t.Errorf("%d to %d free: got %t", row.delta, row.free, got)
		}
	}
}

// The same raise, sent again on the condition of the old version, was applied
// before; another one was not.
func TestRaiseRepeats(t *testing.T) {
	tok := raisedToken(t)
	tok.Version, tok.Raise = 4, token.Raise{Units: 7, Until: 1_800_000_600}
	same, other := token.RaiseChange{Raise: tok.Raise}, token.RaiseChange{Raise: token.Raise{Units: 7, Until: 1_800_000_601}}
	for name, row := range map[string]struct {
		change   token.RaiseChange
		versions token.Versions
		want     bool
	}{
		"sent again":      {same, token.Versions{3}, true},
		"any version":     {same, nil, true},
		"an older one":    {same, token.Versions{2}, false},
		"another raise":   {other, token.Versions{3}, false},
		"another quota":   {token.RaiseChange{tok.Raise, &token.WindowName{Length: "5h"}}, token.Versions{3}, false},
		"no such window":  {token.RaiseChange{tok.Raise, &token.WindowName{Length: "week"}}, nil, false},
		"ends another's":  {token.RaiseChange{}, token.Versions{3}, false},
		"ends what isn't": {token.RaiseChange{token.Raise{Until: 9}, &token.WindowName{Length: "5h"}}, token.Versions{3}, true},
	} {
		if got := (token.Change{Raise: &row.change, Versions: row.versions}).Repeats(tok); got != row.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if (token.Change{}).Repeats(tok) {
		t.Error("a change of settings repeats")
	}
}
