package token

import (
	"errors"
	"fmt"
	"slices"
)

// Settings holds the settings of a token that a caller may choose. A nil
// field is absent: the default on create, unchanged on update. An empty list
// that is not nil clears the list.
type Settings struct {
	Name               *string
	Disabled           *bool
	ExpiredTime        *int64
	RemainQuota        *int64
	QuotaDelta         *int64 // to add to what is free, in the place of RemainQuota; of updates only
	UnlimitedQuota     *bool
	ModelLimitsEnabled *bool
	Models             []string
	AllowIPs           []string
	Group              *string
}

// Normalize checks every field that is present and returns the update in
// canonical form. Its error is an *InvalidError.
func (u Settings) Normalize() (Settings, error) {
	var err error
	check := func(next error) {
		if err == nil {
			err = next
		}
	}
	check(normalize(&u.Name, func(s string) (string, error) { return CheckText("name", s, 1, MaxNameLength) }))
	check(normalize(&u.RemainQuota, checkRemain))
	check(normalize(&u.QuotaDelta, checkDelta))
	if u.RemainQuota != nil && u.QuotaDelta != nil {
		check(invalid("quota_delta", "can't go with remain_quota: send one of them"))
	}
	check(normalize(&u.ExpiredTime, checkExpiry))
	check(normalizeList(&u.Models, cleanModels))
	check(normalizeList(&u.AllowIPs, cleanAllowIPs))
	check(normalize(&u.Group, func(s string) (string, error) { return CheckText("group", s, 0, MaxGroupLength) }))
	if is(u.ModelLimitsEnabled) && u.Models != nil && len(u.Models) == 0 {
		check(errNoModels())
	}
	if is(u.UnlimitedQuota) {
		u.RemainQuota, u.QuotaDelta = nil, nil // ignored, but checked
	}
	return u, err
}

// Draft is the token that an update describes when nothing was there before.
// The store adds what it alone can know: id, hash and mask.
func New(u Settings, userID, now int64) (Token, error) {
	if u.QuotaDelta != nil {
		return Token{}, invalid("quota_delta", "is for updates: send remain_quota, the quota that the token is to begin with")
	}
	u, err := u.Normalize()
	if err != nil {
		return Token{}, err
	}
	if u.Name == nil {
		return Token{}, invalid("name", "is required: give the token a name of 1 to 50 characters")
	}
	t := Token{
		UserID: userID, Version: 1, Name: *u.Name,
		Disabled:    or(u.Disabled, false),
		CreatedTime: now, AccessedTime: now,
		ExpiredTime:        or(u.ExpiredTime, Never),
		RemainQuota:        or(u.RemainQuota, 0),
		UnlimitedQuota:     or(u.UnlimitedQuota, false),
		ModelLimitsEnabled: or(u.ModelLimitsEnabled, false),
		Models:             u.Models,
		AllowIPs:           u.AllowIPs,
		Group:              or(u.Group, ""),
	}
	if t.ExpiredTime != Never && t.ExpiredTime <= now {
		return Token{}, invalid("expired_time", "lies in the past: send a later Unix time in seconds, or -1 for a token that never expires")
	}
	if t.ModelLimitsEnabled && len(t.Models) == 0 {
		return Token{}, errNoModels()
	}
	return t, nil
}

// A Change is a normalized update together with what must be true of the
// stored token, in the same write, for it to be applied.
type Change struct {
	Settings
	// NeedsModels: the token has a model; the change turns its limits on.
	NeedsModels bool
	// NeedsOpen: model limits are off; the change clears the models.
	NeedsNoModelLimits bool
	// NeedsUsable: the token is neither expired at Now nor exhausted.
	NeedsUsable bool
	Now         int64
	// Unlimited, if set, is what the token's unlimited flag must be: the
	// quota of an unlimited token is not touched.
	NeedsUnlimited *bool
	quota          *int64 // to set where the flag allows it
	delta          *int64 // to add there
	// Versions are those of which the token must have one.
	Versions Versions
}

// Versions are the versions of a token with which something may be done; nil
// is any, and none of them is none.
type Versions []int64

// Allow reports whether a version is one of them.
func (vs Versions) Allow(version int64) bool { return vs == nil || slices.Contains(vs, version) }

// DeltaFits reports whether delta can be added to the free units: the sum is
// not negative and, if delta is positive, not above MaxInteger. Free units can
// exceed MaxInteger while holds are open, so a negative delta has no upper bound.
func DeltaFits(free, delta int64) bool {
	return free+delta >= 0 && (delta <= 0 || free <= MaxInteger-delta)
}

// MindsQuota reports whether it matters to the change what is free, so that
// the ledger must be tidy.
func (c Change) DependsOnQuota() bool {
	return c.NeedsUsable || c.RemainQuota != nil || c.QuotaDelta != nil
}

func (u Settings) change(now int64) Change {
	c := Change{Settings: u, Now: now}
	c.NeedsModels = is(u.ModelLimitsEnabled) && u.Models == nil
	c.NeedsNoModelLimits = u.Models != nil && len(u.Models) == 0 && u.ModelLimitsEnabled == nil
	if (u.RemainQuota != nil || u.QuotaDelta != nil) && u.UnlimitedQuota == nil {
		c.NeedsUnlimited, c.quota, c.delta = new(false), u.RemainQuota, u.QuotaDelta // most are limited: this is tried first
	}
	return c
}

// Reconsider looks at a token that does not meet the change's needs. It
// returns the change to try instead, or why there is none: an *InvalidError,
// ErrExpired, ErrExhausted, or an internal error if the token meets them.
func (c Change) ResolveMismatch(t Token) (Change, error) {
	switch {
	case !c.Versions.Allow(t.Version):
		return c, ErrVersionMismatch
	case c.NeedsModels && len(t.Models) == 0, c.NeedsNoModelLimits && t.ModelLimitsEnabled:
		return c, errNoModels()
	case c.NeedsUsable && t.ExpiredTime != Never && t.ExpiredTime <= c.Now:
		return c, ErrExpired
	case c.NeedsUsable && !t.UnlimitedQuota && t.FreeAt(c.Now) <= 0:
		return c, ErrExhausted
	case c.NeedsUnlimited != nil && *c.NeedsUnlimited != t.UnlimitedQuota:
		c.NeedsUnlimited, c.RemainQuota, c.QuotaDelta = &t.UnlimitedQuota, c.quota, c.delta
		if t.UnlimitedQuota {
			c.RemainQuota, c.QuotaDelta = nil, nil
		}
		return c, nil
	case c.QuotaDelta != nil && t.FreeAt(c.Now)+*c.QuotaDelta < 0:
		return c, ErrQuotaBelowZero
	case c.QuotaDelta != nil && !DeltaFits(t.FreeAt(c.Now), *c.QuotaDelta):
		return c, invalid("quota_delta", fmt.Sprintf("would take remain_quota above %d, and nothing was changed", int64(MaxInteger)))
	default:
		return c, errors.New("the token meets the change's needs, and yet it was refused")
	}
}

func normalize[T any](p **T, rule func(T) (T, error)) error {
	if *p == nil {
		return nil
	}
	v, err := rule(**p)
	*p = &v
	return err
}

func normalizeList(list *[]string, rule func([]string) ([]string, error)) error {
	if *list == nil {
		return nil
	}
	clean, err := rule(*list)
	*list = clean
	return err
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func is(p *bool) bool { return or(p, false) }
