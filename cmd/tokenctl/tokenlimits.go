package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// tokenLimits holds the flags that set windows, model quotas and rates. On update,
// a limit without a flag stays.
type tokenLimits struct {
	Window            []windowFlag     `sep:"none" placeholder:"PERIOD=N" help:"Quota of N units that renews: hour, day, week, month, or a length such as 5h that begins with the first use. Add ,timezone=Europe/Berlin and ,hour=6, ,weekday=monday or ,day=15 to say where it begins. Repeat for up to 3 windows, which replace those of the token; none removes all."`
	ModelQuota        []modelQuotaFlag `sep:"none" placeholder:"MODEL=N" help:"Quota of N units for a model, or a pattern such as gpt-5*. Repeat for up to 8, which replace those of the token; none removes all."`
	RequestsPerMinute *int64           `placeholder:"N" help:"Requests that the token may make per minute; 0 removes the limit."`
	UnitsPerMinute    *int64           `placeholder:"N" help:"Units that the token may use per minute; 0 removes the limit."`
	MaxConcurrent     *int64           `placeholder:"N" help:"Requests that may be in progress at the same time, up to 50; 0 removes the limit."`
}

// input returns the limits for a request. A limit without a flag is absent.
func (f tokenLimits) input() (wire.LimitsInput, error) {
	in := wire.LimitsInput{RequestsPerMinute: f.RequestsPerMinute, UnitsPerMinute: f.UnitsPerMinute, MaxConcurrent: f.MaxConcurrent}
	windows, err := windowsOf("--window", f.Window)
	if err != nil {
		return in, err
	}
	in.Windows = windowInputs(windows)
	in.ModelQuotas, err = modelQuotasOf(f.ModelQuota)
	return in, err
}

// replaces reports whether a flag replaces windows or model quotas by others.
func (f tokenLimits) replaces() bool {
	return f.Window != nil && f.Window[0] != (windowFlag{}) || f.ModelQuota != nil && f.ModelQuota[0] != (modelQuotaFlag{})
}

// replaced returns a warning for each window and model quota that a token had
// before an update and has no more, unless none was given to remove them.
func (f tokenLimits) replaced(before, after wire.Limits) []string {
	var warnings []string
	if f.Window != nil && f.Window[0] != (windowFlag{}) {
		for _, w := range before.Windows {
			if name := windowName(w); !slices.ContainsFunc(after.Windows, func(other wire.Window) bool { return windowName(other) == name }) {
				warnings = append(warnings, "the window "+name+" was removed: --window replaces all windows")
			}
		}
	}
	if f.ModelQuota != nil && f.ModelQuota[0] != (modelQuotaFlag{}) {
		for _, q := range before.ModelQuotas {
			if !slices.ContainsFunc(after.ModelQuotas, func(other wire.ModelQuota) bool { return other.Model == q.Model }) {
				warnings = append(warnings, "the model quota "+q.Model+" was removed: --model-quota replaces all model quotas")
			}
		}
	}
	return warnings
}

// A modelQuotaFlag is a model quota given on the command line, such as
// gpt-5*=1000. Its zero value is none.
type modelQuotaFlag struct {
	model string
	quota int64
}

// UnmarshalText parses a model or pattern and its units, or the word none.
func (q *modelQuotaFlag) UnmarshalText(text []byte) error {
	*q = modelQuotaFlag{}
	if string(text) == none {
		return nil
	}
	at := strings.LastIndexByte(string(text), '=') // a name of a model may have one
	if at < 1 {
		return problemf("%q is not a model quota: use MODEL=UNITS, such as 'gpt-5*=1000', or none to remove all model quotas", text)
	}
	n, err := strconv.ParseInt(string(text[at+1:]), 10, 64)
	if err != nil || n < 0 || n > token.MaxInteger {
		return problemf("%q is not a quota of a model: use a number of units from 0 to %d, such as 'gpt-5*=1000'", text[at+1:], int64(token.MaxInteger))
	}
	*q = modelQuotaFlag{string(text[:at]), n}
	return nil
}

// modelQuotasOf returns the model quotas that flags give: nil without flags, and
// an empty list for none.
func modelQuotasOf(flags []modelQuotaFlag) ([]wire.ModelQuotaInput, error) {
	if flags == nil {
		return nil, nil
	}
	quotas := []wire.ModelQuotaInput{}
	for i, f := range flags {
		switch {
		case f == modelQuotaFlag{} && len(flags) > 1:
			return nil, problemf("--model-quota none can't be used with other model quotas: those that you give replace the present ones")
		case f == modelQuotaFlag{}:
			return quotas, nil
		case slices.ContainsFunc(flags[:i], func(other modelQuotaFlag) bool { return other.model == f.model }):
			return nil, problemf("--model-quota is given twice for %q: use it once for each model or pattern", f.model)
		}
		quotas = append(quotas, wire.ModelQuotaInput{Model: &f.model, Quota: &f.quota})
	}
	if len(quotas) > token.MaxModelQuotas {
		return nil, problemf("a token can have at most %d model quotas: use --model-quota up to %d times", token.MaxModelQuotas, token.MaxModelQuotas)
	}
	return quotas, nil
}
