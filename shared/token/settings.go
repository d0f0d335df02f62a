package token

import (
	"errors"
	"fmt"
	"slices"
)

// Settings are what a caller can choose about a token. On create, a nil field
// gives the default; on update, it leaves the stored value unchanged. An empty
// list that is not nil clears the list.
type Settings struct {
	Name               *string
	Disabled           *bool
	ExpiredTime        *int64
	RemainQuota        *int64
	QuotaDelta         *int64 // units to add to the free ones; for updates only, instead of RemainQuota
	UnlimitedQuota     *bool
	ModelLimitsEnabled *bool
	Models             []string
	OtherModels        []NamedList // what came under another name of Models; see HasTwoLists
	AllowIPs           []string
	OtherAllowIPs      []NamedList // what came under another name of AllowIPs
	Group              *string
	Windows            []Window
	ModelQuotas        []ModelQuota
	RequestsPerMinute  *int64
	UnitsPerMinute     *int64
	MaxConcurrent      *int64
}

// Normalize checks every field that is not nil and returns the settings in
// canonical form. The error is an *InvalidError.
func (s Settings) Normalize() (Settings, error) {
	var err error
	check := func(next error) {
		if err == nil {
			err = next
		}
	}
	check(normalize(&s.Name, func(name string) (string, error) { return CheckText("name", name, 1, MaxNameLength) }))
	check(normalize(&s.RemainQuota, checkRemainQuota))
	check(normalize(&s.QuotaDelta, checkQuotaDelta))
	if s.RemainQuota != nil && s.QuotaDelta != nil {
		check(invalid("quota_delta", "can't be combined with remain_quota: send one of them"))
	}
	check(normalize(&s.ExpiredTime, checkExpiredTime))
	check(normalizeList(&s.Models, normalizeModels))
	check(joinLists(&s.Models, &s.OtherModels, normalizeModels))
	check(normalizeList(&s.AllowIPs, normalizeAllowIPs))
	check(joinLists(&s.AllowIPs, &s.OtherAllowIPs, normalizeAllowIPs))
	check(normalize(&s.Group, func(group string) (string, error) { return CheckText("group", group, 0, MaxGroupLength) }))
	check(s.normalizeLimits())
	if s.OtherModels == nil {
		check(s.checkHasModels())
	}
	if is(s.UnlimitedQuota) {
		s.RemainQuota, s.QuotaDelta = nil, nil // checked, then ignored
	}
	return s, err
}

// checkHasModels returns an error if the settings limit the models to none.
func (s Settings) checkHasModels() error {
	if is(s.ModelLimitsEnabled) && s.Models != nil && len(s.Models) == 0 {
		return errNoModels()
	}
	return nil
}

// New returns a new token with the given settings, created at a Unix second.
// It has no ID, KeyHash or Mask yet. The error is an *InvalidError.
func New(s Settings, userID, now int64) (Token, error) {
	if s.QuotaDelta != nil {
		return Token{}, invalid("quota_delta", "is only for updates: send remain_quota to set the quota of a new token")
	}
	s, err := s.normalizeNew()
	if err != nil {
		return Token{}, err
	}
	if s.Name == nil {
		return Token{}, invalid("name", "is required: give the token a name of 1 to 50 characters")
	}
	t := Token{
		UserID: userID, Version: 1, Name: *s.Name,
		Disabled:    or(s.Disabled, false),
		CreatedTime: now, AccessedTime: now,
		ExpiredTime:        or(s.ExpiredTime, Never),
		RemainQuota:        or(s.RemainQuota, 0),
		UnlimitedQuota:     or(s.UnlimitedQuota, false),
		ModelLimitsEnabled: or(s.ModelLimitsEnabled, false),
		Models:             s.Models,
		AllowIPs:           s.AllowIPs,
		Group:              or(s.Group, ""),
	}
	t = s.Limit(t)
	if t.ExpiredTime != Never && t.ExpiredTime <= now {
		return Token{}, invalid("expired_time", "is in the past: send a later Unix time in seconds, or -1 for a token that never expires")
	}
	if t.ModelLimitsEnabled && len(t.Models) == 0 {
		return Token{}, errNoModels()
	}
	return t, nil
}

// normalizeNew is Normalize for a new token. Of two lists it returns the one that
// has entries.
func (s Settings) normalizeNew() (Settings, error) {
	s, err := s.Normalize()
	if err != nil {
		return s, err
	}
	return s.chooseLists(Token{})
}

// A Change is what an update writes, with the requirements that the stored
// token must meet at that moment.
type Change struct {
	Settings
	NeedsModels        bool // the token must have a model: the change enables model limits
	NeedsNoModelLimits bool // model limits must be off: the change removes the models
	NeedsUsable        bool // the token must be neither expired at Now nor exhausted, nor its key leaked: the change enables it
	Now                int64
	// NeedsUnlimited, if not nil, is what UnlimitedQuota of the token must be.
	// RemainQuota and QuotaDelta of an unlimited token are not changed.
	NeedsUnlimited *bool
	// Versions are the versions that the token may have.
	Versions Versions
	// Policy, if not nil, is that of the token's user; see CheckPolicy.
	Policy *Policy
	// Raise, if not nil, sets the raise of a quota; such a change has no Settings.
	Raise *RaiseChange
	// GroupGranted is the token's new GroupGranted; For sets it.
	GroupGranted *bool

	// The values of RemainQuota and QuotaDelta if the token is limited.
	remainIfLimited *int64
	deltaIfLimited  *int64

	// The values of Models and AllowIPs before ChooseLists.
	sentModels, sentAllowIPs []string
}

// Versions are the versions of a token that an operation accepts. nil accepts
// any version; an empty list accepts none.
type Versions []int64

// Allow reports whether a version is accepted.
func (vs Versions) Allow(version int64) bool { return vs == nil || slices.Contains(vs, version) }

// DeltaFits reports whether delta can be added to the free units: the sum is
// not above MaxInteger and, if delta is negative, not negative. Free units can
// exceed MaxInteger while holds are open, and be negative after a raise.
func DeltaFits(free, delta int64) bool {
	return (delta >= 0 || free+delta >= 0) && (delta <= 0 || free <= MaxInteger-delta)
}

// DependsOnQuota reports whether the change depends on how many units are free,
// so that expired holds must be returned first.
func (c Change) DependsOnQuota() bool {
	return c.NeedsUsable || c.RemainQuota != nil || c.QuotaDelta != nil
}

// change returns the change that normalized settings make. It assumes that the
// token is limited, as most are; ResolveMismatch corrects that.
func (s Settings) change(now int64) Change {
	c := Change{Settings: s, Now: now, sentModels: s.Models, sentAllowIPs: s.AllowIPs}.requireModels()
	if (s.RemainQuota != nil || s.QuotaDelta != nil) && s.UnlimitedQuota == nil {
		c.NeedsUnlimited, c.remainIfLimited, c.deltaIfLimited = new(false), s.RemainQuota, s.QuotaDelta
	}
	return c
}

// requireModels sets what the change requires of the token's models.
func (c Change) requireModels() Change {
	c.NeedsModels = is(c.ModelLimitsEnabled) && c.Models == nil
	c.NeedsNoModelLimits = c.Models != nil && len(c.Models) == 0 && c.ModelLimitsEnabled == nil
	return c
}

// ResolveMismatch returns the change to try instead if a token does not meet
// the requirements, or the reason why there is none: ErrVersionMismatch,
// ErrKeyLeaked, ErrExpired, ErrExhausted, ErrQuotaBelowZero or an *InvalidError. If the token
// does meet the requirements, the error is an internal one.
func (c Change) ResolveMismatch(t Token) (Change, error) {
	switch {
	case !c.Versions.Allow(t.Version):
		return c, ErrVersionMismatch
	case c.NeedsModels && len(t.Models) == 0, c.NeedsNoModelLimits && t.ModelLimitsEnabled:
		return c, errNoModels()
	case c.NeedsUsable && t.LeakedTime != 0:
		return c, ErrKeyLeaked
	case c.NeedsUsable && t.ExpiredTime != Never && t.ExpiredTime <= c.Now:
		return c, ErrExpired
	case c.NeedsUsable && !t.UnlimitedQuota && t.FreeAt(c.Now) <= 0:
		return c, ErrExhausted
	case c.NeedsUnlimited != nil && *c.NeedsUnlimited != t.UnlimitedQuota:
		c.NeedsUnlimited, c.RemainQuota, c.QuotaDelta = &t.UnlimitedQuota, c.remainIfLimited, c.deltaIfLimited
		if t.UnlimitedQuota {
			c.RemainQuota, c.QuotaDelta = nil, nil
		}
		return c, nil
	case c.QuotaDelta != nil && *c.QuotaDelta < 0 && t.FreeAt(c.Now)+*c.QuotaDelta < 0:
		return c, ErrQuotaBelowZero
	case c.QuotaDelta != nil && !DeltaFits(t.FreeAt(c.Now), *c.QuotaDelta):
		return c, invalid("quota_delta", fmt.Sprintf("would raise remain_quota above %d, so nothing was changed", int64(MaxInteger)))
	default:
		return c, errors.New("a change was refused although the token meets its requirements")
	}
}

// normalize replaces *p, if it is not nil, by what rule makes of it.
func normalize[T any](p **T, rule func(T) (T, error)) error {
	if *p == nil {
		return nil
	}
	v, err := rule(**p)
	*p = &v
	return err
}

// normalizeList replaces *list, if it is not nil, by what rule makes of it.
func normalizeList(list *[]string, rule func([]string) ([]string, error)) error {
	if *list == nil {
		return nil
	}
	normal, err := rule(*list)
	*list = normal
	return err
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func is(p *bool) bool { return or(p, false) }
