package export

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A window is a window as Latchkey shows it.
type window struct {
	wire.WindowInput
	Used      int64  `json:"used"`
	Remaining *int64 `json:"remaining"`
	ResetsAt  int64  `json:"resets_at"`
	Extra     any    `json:"extra"`
}

// raised is the problem of a token of which a quota is raised: what is left of the
// quota includes the raise, which ends.
const raised = "a quota of it is raised for a while: end the raise with `tokenctl token extra` and export again, or import the token after the raise has ended"

// isUsed reports whether a part of the quota is used or held at a Unix second.
func (w window) isUsed(now int64) bool {
	isHeld := w.Quota != nil && w.Remaining != nil && *w.Remaining < *w.Quota
	return (w.Used > 0 || isHeld) && (w.ResetsAt == 0 || w.ResetsAt > now)
}

// A modelQuota is a model quota as Latchkey shows it.
type modelQuota struct {
	wire.ModelQuotaInput
	Used      int64  `json:"used"`
	Remaining *int64 `json:"remaining"`
}

// left returns the units that are left, or the quota itself if it is not valid.
func (q modelQuota) left() *int64 {
	if q.Quota == nil || *q.Quota < 0 {
		return q.Quota
	}
	left := *q.Quota - max(0, q.Used)
	if q.Remaining != nil {
		left = min(left, *q.Remaining)
	}
	return new(max(0, left))
}

// limits reads the columns of windows, model quotas and rates, which only Latchkey
// has. As with the quota of a token, what is left of a model quota is imported. A
// window can't be imported with its use, because it always begins anew.
func (f *fields) limits() wire.LimitsInput {
	var in wire.LimitsInput
	if _, extra := f.find("extra"); extra != nil && extra != "" {
		f.wrong("", raised)
	}
	var windows []window
	f.objects("windows", &windows)
	for _, w := range windows {
		in.Windows = append(in.Windows, w.WindowInput)
		switch {
		case w.Extra != nil:
			f.wrong("", raised)
		case !w.isUsed(f.options.Now):
		default:
			f.restart()
		}
	}
	var quotas []modelQuota
	f.objects("model_quotas", &quotas)
	for _, q := range quotas {
		in.ModelQuotas = append(in.ModelQuotas, wire.ModelQuotaInput{Model: q.Model, Quota: q.left()})
	}
	in.RequestsPerMinute, in.UnitsPerMinute = f.integer("requests_per_minute"), f.integer("units_per_minute")
	in.MaxConcurrent = f.integer("max_concurrent")
	return in
}

// restart warns that a partly used window begins anew, which would grant more than
// is left. Unless the user has allowed that, it is a problem. A comparison looks at
// the use itself.
func (f *fields) restart() {
	if f.options.RestartWindows || f.options.Compare {
		f.warnings = append(f.warnings, "one of its windows is partly used and begins anew")
		return
	}
	f.wrong("", "one of its windows is partly used, and would begin anew: import the token after that window has reset, or use --restart-windows")
}

// rate returns nil if there is no value. It refuses 0, which stops a key of LiteLLM
// and would mean no limit here.
func (f *fields) rate(name string) *int64 {
	n := f.integer(name)
	if n != nil && *n < 1 {
		f.wrong(name, "must be at least 1, because 0 means no limit here: disable the token to stop it")
	}
	return n
}

// objects reads a list of objects, or a text with such a list in JSON. It refuses a
// field that it does not know, because the field may restrict the token.
func (f *fields) objects(name string, list any) {
	_, v := f.find(name)
	if text, ok := v.(string); ok {
		v, _ = parseJSON(text)
		if v == nil {
			f.wrong(name, noObjects)
		}
	}
	if v == nil {
		return
	}
	elements, isList := v.([]any)
	isTwice := slices.ContainsFunc(elements, func(e any) bool { o, ok := e.(*object); return ok && o.twice })
	content, _ := json.Marshal(v) // it was read from JSON
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if !isList || isTwice || d.Decode(list) != nil {
		f.wrong(name, noObjects)
	}
}

// noObjects is the problem of a column that has no list of known objects.
const noObjects = "must be a list of objects as the other system writes it, with no other fields"

// limited returns settings with the limits of an input, for a check.
func limited(s token.Settings, in wire.LimitsInput) token.Settings {
	for _, w := range in.Windows {
		p := period.Period{Length: or(w.Period, ""), Timezone: or(w.Timezone, "")}
		if a := w.Anchor; a != nil {
			p.Anchor = period.Anchor{Hour: int(or(a.Hour, 0)), Weekday: int(or(a.Weekday, 0)), Day: int(or(a.Day, 0))}
		}
		s.Windows = append(s.Windows, token.Window{Period: p, Quota: or(w.Quota, 0)})
	}
	for _, q := range in.ModelQuotas {
		s.ModelQuotas = append(s.ModelQuotas, token.ModelQuota{Model: or(q.Model, ""), Quota: or(q.Quota, -1)})
	}
	s.RequestsPerMinute, s.UnitsPerMinute, s.MaxConcurrent = in.RequestsPerMinute, in.UnitsPerMinute, in.MaxConcurrent
	return s
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
