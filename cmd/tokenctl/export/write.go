package export

import (
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// WriteOptions say how tokens are written for another system.
type WriteOptions struct {
	Now            int64    // Unix seconds
	UnitsPerDollar int64    // 0 if units are not money
	Ignore         []string // see Ignorable
	AlignWindows   bool     // write windows that the other system may renew once early
}

// Ignorable are the names of the settings that restrict a token, and that another
// system may have no equivalent of, and formulas, which allows texts that are
// dangerous in a spreadsheet.
var Ignorable = []string{"allow_ips", "budget", formulas, "max_concurrent", "model_quotas", "requests_per_minute", "units_per_minute", "windows"} //nolint:gochecknoglobals // a constant

const formulas = "formulas"

// A Written is a token as a row for another system. If Problem is set, that system
// would allow it more than Latchkey does.
type Written struct {
	Problem  string
	Warnings []string
	row      any // as Target.write wants it
}

// A Target is a system for which tokens are written.
type Target struct {
	Name    string
	convert func(*writing)
	write   func(io.Writer, []Written) error
}

// Targets returns the targets by the names of their formats.
func Targets() map[string]Target {
	return map[string]Target{
		"newapi":  {"New API", writeNewAPI, newAPITable},
		"litellm": {"LiteLLM", writeLiteLLM, liteLLMList},
	}
}

// Convert returns a token of a user as a row.
func (s Target) Convert(t token.Token, owner string, o WriteOptions) Written {
	w := writing{t: t, owner: owner, system: s.Name, o: o}
	w.restrict("budget", t.UsesWallet, "is bound by the budget of its owner")
	if t.PreviousUntil > o.Now {
		w.warn("its previous key, which works for a while, is not written")
	}
	if w.raise(t.Raise) > 0 {
		w.warn("the raise of its quota is left out")
	}
	if t.HeldAt(o.Now) > 0 {
		w.warn("units that requests in progress hold are left out")
	}
	s.convert(&w)
	return w.Written
}

// Write writes rows without a problem.
func (s Target) Write(out io.Writer, rows []Written) error { return s.write(out, rows) }

// A writing is a token that is being converted.
type writing struct {
	t      token.Token
	owner  string
	system string
	o      WriteOptions
	Written
}

func (w *writing) warn(sentence string) { w.Warnings = append(w.Warnings, sentence) }

// fail records the first problem.
func (w *writing) fail(format string, args ...any) {
	if w.Problem == "" {
		w.Problem = fmt.Sprintf(format, args...)
	}
}

// restrict records a setting that restricts the token and has no equivalent in the
// other system.
func (w *writing) restrict(setting string, is bool, how string) {
	if is && !slices.Contains(w.o.Ignore, setting) {
		w.fail("it %s, which %s can't enforce: change the token or, if you take care of that yourself, add --ignore %s", how, w.system, setting)
	}
}

// raise returns the units by which a raise makes a quota larger now.
func (w *writing) raise(r token.Raise) int64 { return r.Units - r.EndedUnits(w.o.Now) }

// left returns the units that are free without a raise, which ends.
func (w *writing) left() int64 { return max(0, w.t.RemainAt(w.o.Now)-w.raise(w.t.Raise)) }

// limits records the limits that New API does not have, and LiteLLM only in part.
func (w *writing) limits(windows, requests, units, open bool) {
	w.restrict("windows", windows && len(w.t.Windows) > 0, "has windows")
	w.restrict("model_quotas", len(w.t.ModelQuotas) > 0, "has quotas for models")
	w.restrict("requests_per_minute", requests && w.t.RequestsPerMinute > 0, "has a rate of requests")
	w.restrict("units_per_minute", units && w.t.UnitsPerMinute > 0, "has a rate of units")
	w.restrict("max_concurrent", open && w.t.MaxConcurrent > 0, "limits the requests in progress")
}

// models returns the models of a token that is limited to some. An entry that the
// other system reads in another way is a problem.
func (w *writing) models(differs func(entry string) bool, how string) []string {
	if !w.t.ModelLimitsEnabled {
		return []string{}
	}
	if i := slices.IndexFunc(w.t.Models, differs); i >= 0 {
		w.fail("its model %s is %s: replace it with the names of the models", w.t.Models[i], how)
	}
	return w.t.Models
}

// inDollars returns units as a decimal number of dollars, rounded down or up to a
// trillionth.
func inDollars(units *big.Int, perDollar int64, up bool) string {
	const digits = 12
	n := new(big.Int).Mul(units, new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil))
	n, rest := n.QuoRem(n, big.NewInt(perDollar), new(big.Int))
	if up && rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	s := fmt.Sprintf("%0*s", digits+1, n.String())
	return strings.TrimSuffix(strings.TrimRight(s[:len(s)-digits]+"."+s[len(s)-digits:], "0"), ".")
}
