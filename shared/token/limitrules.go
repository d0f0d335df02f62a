package token

import (
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-api/latchkey/shared/period"
)

// normalizeLimits checks the windows, model quotas and rates, and brings them
// into canonical form. The error is an *InvalidError.
func (s *Settings) normalizeLimits() error {
	var err error
	if s.Windows, err = normalizeWindows(s.Windows); err != nil {
		return err
	}
	if s.ModelQuotas, err = normalizeModelQuotas(s.ModelQuotas); err != nil {
		return err
	}
	for _, rate := range []struct {
		field string
		value *int64
		most  int64
	}{
		{"requests_per_minute", s.RequestsPerMinute, MaxRate},
		{"units_per_minute", s.UnitsPerMinute, MaxRate},
		{"max_concurrent", s.MaxConcurrent, MaxOpenHolds},
	} {
		if n := or(rate.value, 0); n < 0 || n > rate.most {
			return invalid(rate.field, fmt.Sprintf("must be between 0 (no limit) and %d", rate.most))
		}
	}
	return nil
}

func normalizeWindows(windows []Window) ([]Window, error) {
	const field = "windows"
	if len(windows) > MaxWindows {
		return nil, invalid(field, fmt.Sprintf("must have at most %d windows, not %d", MaxWindows, len(windows)))
	}
	windows = slices.Clone(windows)
	for i, w := range windows {
		in := fmt.Sprintf("%s[%d].", field, i)
		p, err := w.Normalize()
		var bad *period.InvalidError
		switch {
		case errors.As(err, &bad):
			return nil, invalid(in+bad.Field, bad.Reason)
		case err != nil:
			return nil, err
		case w.Quota < 1 || w.Quota > MaxInteger:
			return nil, invalid(in+"quota", fmt.Sprintf("must be between 1 and %d units; to stop the token, disable it", int64(MaxInteger)))
		case slices.ContainsFunc(windows[:i], func(other Window) bool { return other.Period == p }):
			return nil, invalid(in+"period", "must differ from the token's other windows: send one window with the smaller quota")
		}
		windows[i].Period = p
	}
	return windows, nil
}

func normalizeModelQuotas(quotas []ModelQuota) ([]ModelQuota, error) {
	const field = "model_quotas"
	if len(quotas) > MaxModelQuotas {
		return nil, invalid(field, fmt.Sprintf("must have at most %d entries, not %d", MaxModelQuotas, len(quotas)))
	}
	quotas = slices.Clone(quotas)
	for i, q := range quotas {
		in := fmt.Sprintf("%s[%d].", field, i)
		names, err := normalizeModels([]string{q.Model})
		var bad *InvalidError
		switch {
		case errors.As(err, &bad):
			return nil, invalid(in+"model", bad.Reason)
		case err != nil:
			return nil, err
		case slices.ContainsFunc(quotas[:i], func(other ModelQuota) bool { return other.Model == names[0] }):
			return nil, invalid(in+"model", "must differ from the other entries")
		}
		if err := CheckQuota(in+"quota", q.Quota); err != nil {
			return nil, err
		}
		quotas[i].Model = names[0]
	}
	return quotas, nil
}

// ChangesLimits reports whether the settings change windows, model quotas or
// rates.
func (s Settings) ChangesLimits() bool {
	return s.Windows != nil || s.ModelQuotas != nil || s.RequestsPerMinute != nil || s.UnitsPerMinute != nil || s.MaxConcurrent != nil
}

// Limit returns a token with the windows, model quotas and rates of normalized
// settings. A window with the same period, or a model quota of the same models,
// goes on: what was used of it stays used, and its raise stays. Others begin anew.
func (s Settings) Limit(t Token) Token {
	if s.Windows != nil {
		old := t.Windows
		t.Windows = slices.Clone(s.Windows)
		for i, w := range t.Windows {
			t.Windows[i].Meter, t.Windows[i].Raise = Meter{}, Raise{}
			if at := slices.IndexFunc(old, func(o Window) bool { return o.Period == w.Period }); at >= 0 {
				t.Windows[i].Meter, t.Windows[i].Raise = old[at].resized(w.Quota-old[at].Quota), old[at].Raise
			}
		}
	}
	if s.ModelQuotas != nil {
		old := t.ModelQuotas
		t.ModelQuotas = slices.Clone(s.ModelQuotas)
		for i, q := range t.ModelQuotas {
			t.ModelQuotas[i].Meter = Meter{}
			if at := slices.IndexFunc(old, func(o ModelQuota) bool { return o.Model == q.Model }); at >= 0 {
				t.ModelQuotas[i].Meter = old[at].resized(q.Quota - old[at].Quota)
			}
		}
	}
	t.RequestsPerMinute, t.UnitsPerMinute = or(s.RequestsPerMinute, t.RequestsPerMinute), or(s.UnitsPerMinute, t.UnitsPerMinute)
	t.MaxConcurrent = or(s.MaxConcurrent, t.MaxConcurrent)
	if t.RequestsPerMinute == 0 {
		t.RequestTAT = 0
	}
	if t.UnitsPerMinute == 0 {
		t.UnitTAT, t.UnitRateSince = 0, 0
	}
	return t
}

// resized returns a meter whose quota has grown by some units, or has shrunk.
func (m Meter) resized(units int64) Meter {
	if m.Number != 0 {
		m.Left += units
	}
	return m
}
