package token

import (
	"slices"

	"github.com/latchkey-api/latchkey/shared/period"
)

// A Policy is what the operator requires of the tokens that a user creates or
// changes, and what a new token gets where its settings say nothing. The zero
// Policy requires and gives nothing.
//
// A change is checked only against the rules about what it changes. So a token that is
// older than the policy can be renamed, disabled and enabled as it is.
type Policy struct {
	RequireLimit       bool     // a token has a limited lifetime quota, or a window
	MaxLifetimeSeconds int64    // an expiry is set, and at most this far ahead; 0 is no rule
	DefaultWindows     []Window // of a new token
	MaxWindows         []Window // a token has each of them, with this quota or a smaller one
	DefaultRates       Rates    // of a new token
	AllowedModels      []string // names and patterns; a token's models are limited, to some of them
}

// The bounds of Policy.MaxLifetimeSeconds.
const (
	MinLifetimeSeconds = 60
	MaxLifetimeSeconds = 100 * 365 * 24 * 60 * 60
)

// IsZero reports whether the policy requires and gives nothing.
func (p Policy) IsZero() bool {
	return !p.RequireLimit && p.MaxLifetimeSeconds == 0 && p.DefaultRates == Rates{} &&
		len(p.DefaultWindows)+len(p.MaxWindows)+len(p.AllowedModels) == 0
}

// Normalize returns the policy in canonical form. The error is an *InvalidError.
func (p Policy) Normalize() (Policy, error) {
	if n := p.MaxLifetimeSeconds; n != 0 && (n < MinLifetimeSeconds || n > MaxLifetimeSeconds) {
		return p, invalid("max lifetime", "must be from one minute to 36500 days")
	}
	var err error
	if p.DefaultWindows, err = policyWindows("default window", p.DefaultWindows); err != nil {
		return p, err
	}
	if p.MaxWindows, err = policyWindows("max window", p.MaxWindows); err != nil {
		return p, err
	}
	if p.AllowedModels, err = normalizeModels(p.AllowedModels); err != nil {
		return p, err
	}
	rates := Settings{RequestsPerMinute: &p.DefaultRates.RequestsPerMinute, UnitsPerMinute: &p.DefaultRates.UnitsPerMinute, MaxConcurrent: &p.DefaultRates.MaxConcurrent}
	if err := rates.normalizeLimits(); err != nil {
		return p, err
	}
	if w, missing := p.missingWindow(p.DefaultWindows, 0); missing && len(p.DefaultWindows) > 0 {
		return p, invalid("default windows", "must have each of the max windows, with the same quota or a smaller one: add "+WindowText(w))
	}
	return p, nil
}

// policyWindows returns windows in canonical form, without meters.
func policyWindows(field string, windows []Window) ([]Window, error) {
	normal, err := normalizeWindows(windows)
	if bad, ok := err.(*InvalidError); ok { //nolint:errorlint // normalizeWindows returns it as it is
		return nil, invalid(field, "is not valid: "+bad.Error())
	}
	return normal, err
}

// Defaults returns the settings of a new token, created at a Unix second, with
// what the policy gives it. A setting that is not nil stays.
func (p Policy) Defaults(s Settings, now int64) Settings {
	if p.MaxLifetimeSeconds != 0 && s.ExpiredTime == nil {
		s.ExpiredTime = new(now + p.MaxLifetimeSeconds)
	}
	if s.Windows == nil {
		s.Windows = p.DefaultWindows
		if len(s.Windows) == 0 {
			s.Windows = p.MaxWindows
		}
	}
	if len(p.AllowedModels) > 0 && or(s.ModelLimitsEnabled, true) {
		if s.Models == nil {
			s.Models = p.AllowedModels
		}
		if len(s.Models) > 0 {
			s.ModelLimitsEnabled = new(true)
		}
	}
	for _, rate := range []struct {
		setting   **int64
		byDefault int64
	}{
		{&s.RequestsPerMinute, p.DefaultRates.RequestsPerMinute},
		{&s.UnitsPerMinute, p.DefaultRates.UnitsPerMinute},
		{&s.MaxConcurrent, p.DefaultRates.MaxConcurrent},
	} {
		if *rate.setting == nil && rate.byDefault != 0 {
			*rate.setting = &rate.byDefault
		}
	}
	return s
}

// newToken is New for a token under the policy. The error is an *InvalidError or a
// *PolicyError.
func (p Policy) newToken(s Settings, userID, now int64) (Token, error) {
	t, err := New(p.Defaults(s, now), userID, now)
	if err != nil {
		return t, err
	}
	every := touched{lifetime: true, limit: true, windows: true, models: true}
	return t, p.check(t, every, now)
}

// missingWindow returns the first of the max windows that is not among windows
// with this quota or a smaller one at a Unix second, with its raise.
func (p Policy) missingWindow(windows []Window, now int64) (Window, bool) {
	for _, most := range p.MaxWindows {
		kept := func(w Window) bool { return w.Period == most.Period && w.Quota+w.Raise.at(now) <= most.Quota }
		if !slices.ContainsFunc(windows, kept) {
			return most, true
		}
	}
	return Window{}, false
}

// quotaOf returns the quota of the window with a period, or 0.
func quotaOf(windows []Window, p period.Period) int64 {
	for _, w := range windows {
		if w.Period == p {
			return w.Quota
		}
	}
	return 0
}

// allows reports whether a name or pattern is covered by one of the allowed
// models. A pattern is covered by itself and by a shorter prefix.
func (p Policy) allows(entry string) bool {
	return slices.ContainsFunc(p.AllowedModels, func(allowed string) bool { return MatchesModel(allowed, entry) })
}

// touched says which rules of a policy apply to what a change changes.
type touched struct{ lifetime, limit, windows, models bool }

func (c Change) touches() touched {
	raises := c.Raise != nil && c.Raise.Window != nil && c.Raise.Units > 0
	return touched{
		lifetime: c.ExpiredTime != nil,
		limit:    c.UnlimitedQuota != nil || c.Windows != nil,
		windows:  c.Windows != nil || raises,
		models:   c.ModelLimitsEnabled != nil || c.Models != nil,
	}
}

// changed returns the rules of which a setting will be another than before. So a
// client may send all settings of a token back to change one of them.
func (r touched) changed(before, after Token) touched {
	windows := !slices.EqualFunc(before.Windows, after.Windows, func(a, b Window) bool {
		return a.Period == b.Period && a.Quota == b.Quota && a.Raise == b.Raise
	})
	return touched{
		lifetime: r.lifetime && before.ExpiredTime != after.ExpiredTime,
		limit:    r.limit && (windows || before.UnlimitedQuota != after.UnlimitedQuota),
		windows:  r.windows && windows,
		models:   r.models && (before.ModelLimitsEnabled != after.ModelLimitsEnabled || !slices.Equal(before.Models, after.Models)),
	}
}

// NeedsPolicy reports whether a policy can refuse the change.
func (c Change) NeedsPolicy() bool { return c.touches() != touched{} }

// CheckPolicy returns a *PolicyError if the policy of the token's user refuses the
// change of a token, and an *InvalidError if the token has no quota as the change
// names it. Whether it does depends on all settings of the token: write the change
// only if the token still has its version.
func (c Change) CheckPolicy(t Token) error {
	if c.Policy == nil {
		return nil
	}
	after, err := c.Limit(t)
	if err != nil {
		return err
	}
	after.ExpiredTime = or(c.ExpiredTime, t.ExpiredTime)
	after.UnlimitedQuota = or(c.UnlimitedQuota, t.UnlimitedQuota)
	after.ModelLimitsEnabled = or(c.ModelLimitsEnabled, t.ModelLimitsEnabled)
	if c.Models != nil {
		after.Models = c.Models
	}
	if err := c.Policy.check(after, c.touches().changed(t, after), c.Now); err != nil {
		return c.explain(err, after)
	}
	return nil
}
