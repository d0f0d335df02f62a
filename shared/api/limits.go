package api

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// limitsView returns the limits of a token and their use at a Unix second.
func limitsView(t token.Token, now int64) wire.Limits {
	shown := wire.Limits{RequestsPerMinute: t.RequestsPerMinute, UnitsPerMinute: t.UnitsPerMinute, MaxConcurrent: t.MaxConcurrent}
	for _, w := range t.Windows {
		use := t.WindowUse(w, now)
		shown.Windows = append(shown.Windows, wire.Window{
			Period: w.Length, Quota: w.Quota, Timezone: w.Timezone, Anchor: anchorView(w.Period),
			Used: use.Used, Remaining: use.Remaining, ResetsAt: use.ResetsAt, Extra: extraView(w.RaiseUse(use.Remaining, now)),
		})
	}
	for _, q := range t.ModelQuotas {
		use := t.ModelUse(q, now)
		shown.ModelQuotas = append(shown.ModelQuotas, wire.ModelQuota{Model: q.Model, Quota: q.Quota, Used: use.Used, Remaining: use.Remaining})
	}
	return shown
}

// extraView returns a raise if there is one, else nil.
func extraView(r token.RaiseUse, raised bool) *wire.Extra {
	if !raised {
		return nil
	}
	return &wire.Extra{Units: r.Units, Remaining: r.Remaining, Until: r.Until}
}

func anchorView(p period.Period) *wire.Anchor {
	if p.Anchor == (period.Anchor{}) {
		return nil
	}
	return &wire.Anchor{Hour: int64(p.Anchor.Hour), Weekday: int64(p.Anchor.Weekday), Day: int64(p.Anchor.Day)}
}

// readWindows reads the windows of a create or an update; nil if absent.
func readWindows(in []wire.WindowInput) ([]token.Window, error) {
	if in == nil {
		return nil, nil
	}
	windows := make([]token.Window, len(in))
	for i, w := range in {
		field := fmt.Sprintf("windows[%d].", i)
		switch {
		case w.Period == nil:
			return nil, required(field+"period", "send hour, day, week, month, or a length such as 5h")
		case w.Quota == nil:
			return nil, required(field+"quota", "send the units for each period")
		}
		windows[i] = token.Window{Quota: *w.Quota, Period: period.Period{Length: *w.Period, Timezone: valueOf(w.Timezone)}}
		if w.Anchor != nil {
			windows[i].Anchor = readAnchor(*w.Anchor)
		}
	}
	return windows, nil
}

func readAnchor(in wire.AnchorInput) period.Anchor {
	return period.Anchor{Hour: anchorPart(in.Hour), Weekday: anchorPart(in.Weekday), Day: anchorPart(in.Day)}
}

// anchorPart returns a part of an anchor. What is out of any range stays so.
func anchorPart(n *int64) int { return int(max(-1, min(valueOf(n), 1_000))) }

// readModelQuotas reads the model quotas of a create or an update; nil if
// absent.
func readModelQuotas(in []wire.ModelQuotaInput) ([]token.ModelQuota, error) {
	if in == nil {
		return nil, nil
	}
	quotas := make([]token.ModelQuota, len(in))
	for i, q := range in {
		field := fmt.Sprintf("model_quotas[%d].", i)
		switch {
		case q.Model == nil:
			return nil, required(field+"model", "send the name of a model, or a prefix followed by *")
		case q.Quota == nil:
			return nil, required(field+"quota", "send the units for these models")
		}
		quotas[i] = token.ModelQuota{Model: *q.Model, Quota: *q.Quota}
	}
	return quotas, nil
}
