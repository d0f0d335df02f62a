package token

import (
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/period"
)

// MaxRaiseSeconds is the longest time for which a quota can be raised: a year.
const MaxRaiseSeconds = 366 * 24 * 60 * 60

// A Raise makes a quota larger until a time. It gives no units away: what is
// used of the quota counts on when the raise has ended, and new use is refused
// until the quota has free units again. The zero Raise raises nothing.
//
// What is left of the quota includes the units of its raise. A raise that has
// ended has no effect, because every reader subtracts its units; the next
// operation on the token removes it.
type Raise struct {
	Units int64
	Until int64 // the Unix second from which the raise has no effect
}

// at returns the units by which the quota is larger at a Unix second.
func (r Raise) at(now int64) int64 { return r.Units - r.EndedUnits(now) }

// EndedUnits returns the units that are still included in what is left, although
// the raise has ended by a Unix second.
func (r Raise) EndedUnits(now int64) int64 {
	if r.Until > now {
		return 0
	}
	return r.Units
}

// HasEndedRaise reports whether a raise has ended by a Unix second and was not
// removed yet.
func (t Token) HasEndedRaise(now int64) bool {
	ended := t.Raise.EndedUnits(now)
	for _, w := range t.Windows {
		ended = max(ended, w.Raise.EndedUnits(now))
	}
	return ended > 0
}

// A RaiseUse is a raise that has an effect.
type RaiseUse struct {
	Raise
	Remaining int64 // free units of it; those of the quota itself are used first
}

// RaiseUse returns the raise of the lifetime quota at a Unix second. It is false
// if there is none.
func (t Token) RaiseUse(now int64) (RaiseUse, bool) {
	if t.UnlimitedQuota {
		return RaiseUse{}, false
	}
	return t.Raise.use(t.RemainAt(now), now)
}

// RaiseUse returns the raise of a window of which units remain at a Unix second.
// It is false if there is none.
func (w Window) RaiseUse(remaining, now int64) (RaiseUse, bool) { return w.Raise.use(remaining, now) }

func (r Raise) use(remaining, now int64) (RaiseUse, bool) {
	return RaiseUse{r, min(r.Units, remaining)}, r.at(now) > 0
}

// A RaiseChange sets the raise of one of a token's quotas, in place of the one
// that the quota has. Units 0 ends it.
type RaiseChange struct {
	Raise
	Window *WindowName // the window whose quota it is; nil for the lifetime quota
}

// A WindowName says which of a token's windows is meant. TimeZone and Anchor are
// only needed if windows have the same length.
type WindowName struct {
	Length   string
	Timezone *string
	Anchor   *period.Anchor
}

// check returns an *InvalidError if no quota can have the raise at a Unix second.
func (r RaiseChange) check(now int64) error {
	switch {
	case r.Units < 0 || r.Units > MaxInteger:
		return invalid("units", fmt.Sprintf("must be between 1 and %d, or 0 to end the raise", int64(MaxInteger)))
	case r.Units > 0 && r.Until <= now:
		return invalid("until", "must be a Unix time in seconds that is in the future")
	case r.Units > 0 && r.Until > now+MaxRaiseSeconds:
		return invalid("until", "must be at most 366 days ahead, as a Unix time in seconds: to raise a quota for longer, change the quota itself")
	}
	return nil
}

// apply returns a token with the raise. The error is an *InvalidError if the token
// has no such quota.
func (r RaiseChange) apply(t Token, now int64) (Token, error) {
	raise := r.Raise
	if raise.Units == 0 {
		raise = Raise{}
	}
	if r.Window != nil {
		return r.applyToWindow(t, raise)
	}
	switch {
	case t.UnlimitedQuota && raise.Units > 0 && len(t.Windows) == 0:
		return t, invalid("units", "has nothing to raise, because the lifetime quota is unlimited and the token has no windows")
	case t.UnlimitedQuota && raise.Units > 0:
		return t, invalid("window", "is required, because the lifetime quota is unlimited: send the period of one of the token's windows")
	case t.FreeAt(now)-t.Raise.at(now) > MaxInteger-raise.Units:
		return t, invalid("units", fmt.Sprintf("would raise remain_quota above %d", int64(MaxInteger)))
	}
	t.RemainQuota += raise.Units - t.Raise.Units
	t.Raise = raise
	return t, nil
}

func (r RaiseChange) applyToWindow(t Token, raise Raise) (Token, error) {
	at, err := r.Window.find(t.Windows)
	if err != nil {
		return t, err
	}
	t.Windows = append([]Window{}, t.Windows...)
	w := &t.Windows[at]
	if w.Quota > MaxInteger-raise.Units {
		return t, invalid("units", fmt.Sprintf("would raise the window's quota above %d", int64(MaxInteger)))
	}
	w.Meter = w.resized(raise.Units - w.Raise.Units)
	w.Raise = raise
	return t, nil
}

// find returns the index of the one window that is meant.
func (n WindowName) find(windows []Window) (int, error) {
	at, found := 0, 0
	lengths := make([]string, len(windows))
	for i, w := range windows {
		lengths[i] = w.Length
		p, err := period.Period{Length: n.Length, Timezone: or(n.Timezone, w.Timezone), Anchor: or(n.Anchor, w.Anchor)}.Normalize()
		if err == nil && p == w.Period {
			at, found = i, found+1
		}
	}
	switch {
	case len(windows) == 0:
		return 0, invalid("window", "must be left out, because the token has no windows")
	case found == 0:
		return 0, invalid("window", "must be the period of one of the token's windows, which are "+strings.Join(lengths, ", ")+"; timezone and anchor can be left out")
	case found > 1:
		return 0, invalid("window", "fits more than one of the token's windows: send timezone and anchor as well, as the window has them")
	}
	return at, nil
}

// isSet reports whether the token has the raise of the change already.
func (r RaiseChange) isSet(t Token) bool {
	has := t.Raise
	if r.Window != nil {
		at, err := r.Window.find(t.Windows)
		if err != nil {
			return false
		}
		has = t.Windows[at].Raise
	}
	return has == r.Raise || has.Units == 0 && r.Units == 0
}

// ChangesLimits reports whether the change is one of the windows, model quotas,
// rates or raises of a token.
func (c Change) ChangesLimits() bool { return c.Raise != nil || c.Settings.ChangesLimits() }

// Limit returns a token with the limits that the change gives it. The error is an
// *InvalidError if the token has no quota as the change names it.
func (c Change) Limit(t Token) (Token, error) {
	if c.Raise != nil {
		return c.Raise.apply(t, c.Now)
	}
	limited := c.Settings.Limit(t)
	if t.UnitsPerMinute == 0 && limited.UnitsPerMinute > 0 {
		limited.UnitRateSince = c.Now + 1 // not before any hold of this second
	}
	return limited, nil
}

// Repeats reports whether the change is a raise that the token has already, and
// was made to a version that it accepts: then it was sent before.
func (c Change) Repeats(t Token) bool {
	return c.Raise != nil && c.Versions.Allow(t.Version-1) && c.Raise.isSet(t)
}
