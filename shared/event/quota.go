package event

import (
	"slices"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Limit says which of a token's quotas an event is about.
type Limit struct {
	Kind     string `json:"limit"`              // lifetime, window or model
	Period   string `json:"period,omitempty"`   // of a window: hour, day, week, month, or a length such as 5h
	Timezone string `json:"timezone,omitempty"` // of a window of the calendar
	Model    string `json:"model,omitempty"`    // of a model quota: a name or a pattern
	ResetsAt int64  `json:"resets_at,omitempty"`
}

// The kinds of limits.
const (
	Lifetime = "lifetime"
	Window   = "window"
	Model    = "model"
)

// QuotaLow is the data of token.quota_low.
type QuotaLow struct {
	Token
	Limit
	ThresholdPercent int64 `json:"threshold_percent"` // token.LowPercent or token.VeryLowPercent
	Quota            int64 `json:"quota"`             // units; of the lifetime quota, all that was ever used, held or free
	Used             int64 `json:"used"`              // units that were charged
	Remaining        int64 `json:"remaining"`         // free units, without those of requests in progress
}

// Exhausted is the data of token.exhausted: the limit that has nothing left. If
// there are several, it is the lifetime quota, or the window that renews last.
type Exhausted struct {
	Token
	Limit
}

// Revived is the data of token.revived.
type Revived struct {
	Token
}

// A Use is what a write of a token tells about its quotas. The key tells apart
// facts of the same type.
type Use struct {
	Fact
	Key string
}

// OfUse returns what a change of a token from before to after tells about its quotas.
// Both are as stored. Units of requests in progress are not used yet, so a hold that is
// released and taken again tells nothing.
//
// A quota is low when a charge makes what is not used at most 20 or 5 % of it. A charge
// that does both tells the lower. A window that has begun anew is full.
func OfUse(before, after token.Token) (uses []Use) {
	of := TokenOf(after.UserID, after.ID, after.Name)
	old := quotasOf(before)
	for _, q := range quotasOf(after) {
		var was quotaState
		if i := slices.IndexFunc(old, q.sameCount); i >= 0 {
			was = old[i]
		}
		low := token.LownessOf(q.unused, q.quota)
		if q.used() <= was.used() || min(low, token.VeryLow) <= token.LownessOf(was.unused, was.quota) || q.ended(after.AccessedTime) {
			continue
		}
		percent := int64(token.VeryLowPercent)
		if low == token.Low {
			percent = token.LowPercent
		}
		uses = append(uses, Use{Fact{TokenQuotaLow, QuotaLow{
			Token: of, Limit: q.Limit, ThresholdPercent: percent, Quota: q.quota, Used: q.used(), Remaining: max(0, min(q.free, token.MaxInteger)),
		}}, q.key()})
	}
	_, was := exhausted(before)
	switch limit, is := exhausted(after); {
	case is && !was:
		uses = append(uses, Use{Fact: Fact{TokenExhausted, Exhausted{of, limit}}})
	case was && !is:
		uses = append(uses, Use{Fact: Fact{TokenRevived, Revived{of}}})
	}
	return uses
}

// A quotaState is how much of a quota is used.
type quotaState struct {
	Limit
	number       int64 // of the meter
	quota        int64
	free, unused int64 // unused is with the units that are held
}

func (q quotaState) used() int64 { return q.quota - q.unused }

func (q quotaState) sameCount(other quotaState) bool {
	return q.Kind == other.Kind && q.number == other.number
}

func (q quotaState) ended(now int64) bool { return q.ResetsAt != 0 && q.ResetsAt <= now }

func (q quotaState) key() string { return q.Kind + strconv.FormatInt(q.number, 10) }

// quotasOf returns the quotas of a token that have begun to count.
func quotasOf(t token.Token) (all []quotaState) {
	if !t.UnlimitedQuota {
		unused := t.RemainQuota
		for _, h := range t.Holds {
			unused += h.Debited
		}
		all = append(all, quotaState{Limit: Limit{Kind: Lifetime}, quota: t.UsedQuota + unused, free: t.RemainQuota, unused: unused})
	}
	add := func(l Limit, quota int64, m token.Meter) {
		if m.Number == 0 {
			return
		}
		unused := m.Left
		for _, h := range t.Holds {
			if slices.Contains(h.Meters, m.Number) {
				unused += h.Quota
			}
		}
		all = append(all, quotaState{Limit: l, number: m.Number, quota: quota, free: m.Left, unused: unused})
	}
	for _, w := range t.Windows {
		add(Limit{Kind: Window, Period: w.Length, Timezone: w.Timezone, ResetsAt: w.EndsAt}, w.Quota+w.Raise.Units, w.Meter)
	}
	for _, q := range t.ModelQuotas {
		add(Limit{Kind: Model, Model: credential.Redact(q.Model)}, q.Quota, q.Meter)
	}
	return all
}

// exhausted reports whether nothing is left of the lifetime quota or of a window, as of
// the token's last use, and of which.
func exhausted(t token.Token) (last Limit, is bool) {
	for _, q := range quotasOf(t) {
		if q.Kind == Model || q.unused > 0 || q.ended(t.AccessedTime) {
			continue
		}
		if !is || last.Kind != Lifetime && q.ResetsAt > last.ResetsAt {
			last, is = q.Limit, true
		}
	}
	return last, is
}
