package token

import (
	"slices"

	"github.com/latchkey-api/latchkey/shared/period"
)

// A Meter counts down a quota that renews, or that is for some models only.
type Meter struct {
	// Number tells this count from those before and beside it; it is never used
	// again for the token. 0 means that nothing was counted yet.
	Number int64
	Left   int64 // free units; below 0 if the quota was lowered below what was used
	EndsAt int64 // the Unix second at which the count ends; 0 if it does not end
}

// runs reports whether the meter counts at a Unix second. If not, its whole
// quota is free.
func (m Meter) runs(now int64) bool { return m.Number != 0 && (m.EndsAt == 0 || m.EndsAt > now) }

// A Window is a quota that renews: each period has Quota units.
type Window struct {
	period.Period
	Quota int64 // units, 1 to MaxInteger
	Raise Raise // of Quota
	Meter
}

// A ModelQuota is a quota for the models that a pattern matches. It does not
// renew.
type ModelQuota struct {
	Model string // a name, or a prefix followed by *
	Quota int64  // units, 0 to MaxInteger
	Meter
}

// Rates bound how fast a token is used. 0 means no limit.
type Rates struct {
	RequestsPerMinute int64 // spends and reservations; as many can come at once after a pause
	UnitsPerMinute    int64 // units spent or reserved; a settlement corrects the count
	MaxConcurrent     int64 // open holds
}

// A Use says how much of a quota is used at a moment, in units. Used, Remaining
// and the units of open holds add up to the quota and its raise, unless that was
// lowered below what was used, or the raise ended.
type Use struct {
	Used      int64
	Remaining int64
	ResetsAt  int64 // the Unix second at which Remaining is the whole quota again; 0 if that is not known or never
}

// WindowUse returns the use of a window of the token at a Unix second.
func (t Token) WindowUse(w Window, now int64) Use {
	raised := w.Quota + w.Raise.at(now)
	if w.runs(now) {
		return t.use(raised, w.resized(-w.Raise.EndedUnits(now)), now)
	}
	fresh := Use{Remaining: min(raised, MaxInteger)}
	if w.IsCalendar() {
		_, fresh.ResetsAt = w.Bounds(now)
	}
	return fresh
}

// ModelUse returns the use of a model quota of the token at a Unix second.
func (t Token) ModelUse(q ModelQuota, now int64) Use {
	if q.runs(now) {
		return t.use(q.Quota, q.Meter, now)
	}
	return Use{Remaining: q.Quota}
}

func (t Token) use(quota int64, m Meter, now int64) Use {
	free, held := m.Left, int64(0)
	for _, h := range t.Holds {
		switch {
		case !t.counts(h, m.Number):
		case h.ExpiresAt > now:
			held += h.Quota
		default:
			free += h.Quota - h.ExpiryCharge
		}
	}
	return Use{Used: max(0, quota-free-held), Remaining: max(0, min(free, MaxInteger)), ResetsAt: m.EndsAt}
}

// counts reports whether a hold counts in a meter.
func (t Token) counts(h Hold, number int64) bool {
	return number != 0 && slices.Contains(h.Meters, number)
}

// FreeFor returns the units that are free at a Unix second in every quota that
// the use of a model counts in; "" names no model.
func (t Token) FreeFor(model string, now int64) int64 {
	free := int64(MaxInteger)
	if !t.UnlimitedQuota {
		free = t.RemainAt(now)
	}
	for _, w := range t.Windows {
		free = min(free, t.WindowUse(w, now).Remaining)
	}
	for _, q := range t.ModelQuotas {
		if model != "" && MatchesModel(q.Model, model) {
			free = min(free, t.ModelUse(q, now).Remaining)
		}
	}
	if t.UsesWallet {
		free = min(free, AddSaturated(t.BlockUse(now).Remaining, t.Supply.Units))
	}
	return free
}

// InProgress returns the units of all open holds at a Unix second, also of holds
// that were made while the token was unlimited.
func (t Token) InProgress(now int64) int64 {
	var held int64
	for _, h := range t.Holds {
		if h.ExpiresAt > now {
			held = AddSaturated(held, h.Quota)
		}
	}
	return held
}

// Limited reports whether the token has a limit beside its lifetime quota, or a
// raise of that, so that a use of it needs to know more than what is left.
func (t Token) Limited() bool {
	return len(t.Windows) > 0 || len(t.ModelQuotas) > 0 || t.Rates != Rates{} || t.UsesWallet || t.Raise != Raise{}
}

// ResetsAt returns the Unix second at which a token whose windows are used up
// at a Unix second can be used again. It is 0 if no window is used up.
func (t Token) ResetsAt(now int64) int64 {
	var last int64
	for _, w := range t.Windows {
		if use := t.WindowUse(w, now); use.Remaining == 0 {
			last = max(last, use.ResetsAt)
		}
	}
	return last
}
