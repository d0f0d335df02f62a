package narrow

import (
	"slices"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// narrowWindows gives the token every window that either has, with the smaller
// quota. It returns false if those are too many.
func narrowWindows(next *quota.Ledger, live, restored quota.Ledger, now int64) bool {
	next.Windows = slices.Clone(live.Windows)
	for i, l := range next.Windows {
		at := slices.IndexFunc(restored.Windows, func(w token.Window) bool { return w.Period == l.Period })
		if at < 0 {
			continue
		}
		r := restored.Windows[at]
		w := &next.Windows[i]
		w.Quota, w.Raise = min(l.Quota, r.Quota), smallerRaise(l.Raise, r.Raise)
		units := w.Quota + w.Raise.Units
		w.Meter = narrowMeter(next, resized(l.Meter, units-l.Quota-l.Raise.Units), resized(r.Meter, units-r.Quota-r.Raise.Units), restored, now)
	}
	for _, r := range restored.Windows {
		if !slices.ContainsFunc(live.Windows, func(w token.Window) bool { return w.Period == r.Period }) {
			r.Meter = renumbered(next, r.Meter, now)
			next.Windows = append(next.Windows, r)
		}
	}
	return len(next.Windows) <= token.MaxWindows
}

// narrowModelQuotas is narrowWindows for the quotas of models.
func narrowModelQuotas(next *quota.Ledger, live, restored quota.Ledger, now int64) bool {
	next.ModelQuotas = slices.Clone(live.ModelQuotas)
	for i, l := range next.ModelQuotas {
		at := slices.IndexFunc(restored.ModelQuotas, func(q token.ModelQuota) bool { return q.Model == l.Model })
		if at < 0 {
			continue
		}
		r := restored.ModelQuotas[at]
		q := &next.ModelQuotas[i]
		q.Quota = min(l.Quota, r.Quota)
		q.Meter = narrowMeter(next, resized(l.Meter, q.Quota-l.Quota), resized(r.Meter, q.Quota-r.Quota), restored, now)
	}
	for _, r := range restored.ModelQuotas {
		if !slices.ContainsFunc(live.ModelQuotas, func(q token.ModelQuota) bool { return q.Model == r.Model }) {
			r.Meter = renumbered(next, r.Meter, now)
			next.ModelQuotas = append(next.ModelQuotas, r)
		}
	}
	return len(next.ModelQuotas) <= token.MaxModelQuotas
}

// narrowMeter returns the live meter with no more units, free and held, than the
// restored one has, and with the later end. next has the live one's holds.
func narrowMeter(next *quota.Ledger, live, restored token.Meter, before quota.Ledger, now int64) token.Meter {
	switch {
	case !runs(restored, now):
		return live
	case !runs(live, now):
		return renumbered(next, restored, now)
	}
	held := heldIn(*next, live.Number)
	owned := min(live.Left+held, restored.Left+heldIn(before, restored.Number))
	return token.Meter{Number: live.Number, Left: owned - held, EndsAt: max(live.EndsAt, restored.EndsAt)}
}

func heldIn(l quota.Ledger, number int64) (units int64) {
	for _, h := range l.Holds {
		if slices.Contains(h.Meters, number) {
			units += h.Quota
		}
	}
	return units
}

// renumbered returns a meter with a number that no hold of the ledger has.
func renumbered(l *quota.Ledger, m token.Meter, now int64) token.Meter {
	if !runs(m, now) {
		return token.Meter{}
	}
	l.LastMeter++
	m.Number = l.LastMeter
	return m
}

func runs(m token.Meter, now int64) bool { return m.Number != 0 && (m.EndsAt == 0 || m.EndsAt > now) }

func resized(m token.Meter, units int64) token.Meter {
	if m.Number != 0 {
		m.Left += units
	}
	return m
}

// WithLimits returns the live ledger with the windows, model quotas, rates and raise
// of the restored one, and unlimited if that is. What was used of them counts.
func WithLimits(live, restored quota.Ledger, now int64) quota.Ledger {
	windows, models := live.Windows, live.ModelQuotas
	live.Windows, live.ModelQuotas = nil, nil
	for _, r := range restored.Windows {
		if at := slices.IndexFunc(windows, func(w token.Window) bool { return w.Period == r.Period }); at >= 0 {
			w := windows[at]
			w.Meter = resized(w.Meter, r.Quota+r.Raise.Units-w.Quota-w.Raise.Units)
			w.Quota, w.Raise = r.Quota, r.Raise
			live.Windows = append(live.Windows, w)
		}
	}
	for _, r := range restored.ModelQuotas {
		if at := slices.IndexFunc(models, func(q token.ModelQuota) bool { return q.Model == r.Model }); at >= 0 {
			q := models[at]
			q.Meter = resized(q.Meter, r.Quota-q.Quota)
			q.Quota = r.Quota
			live.ModelQuotas = append(live.ModelQuotas, q)
		}
	}
	live.Rates = restored.Rates
	live.Balance.Left += restored.Raise.Units - live.Raise.Units
	live.Raise = restored.Raise
	// If only the live token is unlimited, its balance does not say what was used.
	live.Balance.Unlimited = live.Balance.Unlimited || restored.Balance.Unlimited
	return live.Compact(now)
}
