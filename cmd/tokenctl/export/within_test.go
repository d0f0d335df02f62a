package export_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// wider says in what an imported token allows more than the other system would by
// its own rules, or returns "".
func wider(row export.Row) string {
	made, err := token.New(row.Foreign().Settings, 1, now)
	if err != nil {
		return "settings that are not valid"
	}
	there := row.There
	isAbove := func(here, there int64) bool { return there > 0 && (here == 0 || here > there) }
	models := append(slices.Clone(made.Models), "a", "b", "a,b", "other", strings.Join(made.Models, ","))
	addresses := []string{"10.0.0.1", "10.0.0.2", "192.0.2.1", "::1"}
	switch {
	case there.Refusal != "" && made.StatusAt(now) == token.Enabled:
		return "status"
	case !there.Unlimited && (made.UnlimitedQuota || made.RemainQuota > there.Remaining):
		return "quota"
	case there.Expires != token.Never && (made.ExpiredTime == token.Never || made.ExpiredTime > there.Expires):
		return "time"
	case slices.ContainsFunc(models, func(m string) bool {
		return m != "" && made.AllowsModel(strings.TrimSuffix(m, "*")) && !there.AllowsModel(strings.TrimSuffix(m, "*"))
	}):
		return "models"
	case slices.ContainsFunc(addresses, func(s string) bool {
		addr := netip.MustParseAddr(s)
		made.Disabled, made.ExpiredTime = false, token.Never
		return quota.Question{IP: addr}.CheckIgnoringQuota(made, now) == nil && !there.AllowsAddress(addr)
	}):
		return "addresses"
	case isAbove(made.RequestsPerMinute, there.RequestsPerMinute), isAbove(made.UnitsPerMinute, there.UnitsPerMinute), isAbove(made.MaxConcurrent, there.MaxConcurrent):
		return "rates"
	case slices.ContainsFunc(there.Windows, func(w export.ThereWindow) bool {
		return !slices.ContainsFunc(made.Windows, func(own token.Window) bool { return own.Length == w.Period && own.Quota <= w.Quota })
	}):
		return "windows"
	}
	return ""
}

// FuzzWithinThere checks that an imported token allows nothing that the other system
// refuses by its own rules, whatever a column has. Those rules are read without the
// rules of the import.
func FuzzWithinThere(f *testing.F) {
	for _, value := range []string{
		`null`, `""`, `0`, `1`, `2`, `3`, `4`, `-1`, `2.5`, `true`, `false`, `[]`, `["a"]`, `["a","b"]`, `["*"]`, `["a*"]`, `"a,b"`, `"a, b"`, `" a"`, `"a\nb"`, `","`, `"[\"a\"]"`, `"{a,b}"`, `"['a']"`, `"a-gizmo-*"`,
		`"10.0.0.1\n10.0.0.2"`, `"10.0.0.1,10.0.0.2"`, `"10.0.0.0/8, ::1"`, `"10.0.0.1"`, `"10.0.0.0/31,"`, `"10.0. 0.1"`, `["10.0.0.1"]`, `"30d"`, `"24h"`, `"2026-01-31T12:00:00Z"`, `"2020-01-31T12:00:00Z"`, `1800000000000`, `{"remaining":3}`,
		`{"max_budget":1}`, `{"max_budget":1,"budget_duration":"1d"}`, `{"rpm_limit":3}`, `[{"limit":1,"duration":60000,"autoApply":true}]`,
		`{"limits":{"limit_model_setting":{"enabled":true,"models":["a"]}}}`, `{"limits":{"limits_ip_setting":{"enabled":true,"whitelist":["10.0.0.1"]}}}`,
	} {
		for system := range bareRows() {
			for column := range 24 {
				f.Add(uint8(system), uint8(column), value)
			}
		}
	}
	keys := []map[string]string{
		{"key": `"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR0011"`},
		{"token": `"bebf3f78dc81c0624d4e2316ca0a7cd13b442208d286474324742383420ce8de"`}, //nolint:gosec // the hash of an example
		{"plaintext": `"prod_3ZUnkeyExample0123456789AB"`},
		{},
	}
	f.Fuzz(func(t *testing.T, system, column uint8, value string) {
		if !json.Valid([]byte(value)) {
			return
		}
		n := int(system) % len(keys)
		row := bareRows()[n]
		for form, file := range map[string]func(map[string]string) string{"JSON": asJSON, "CSV": asCSV} {
			values := map[string]string{}
			for _, from := range []map[string]string{row.values, keys[n], {row.restricting[int(column)%len(row.restricting)]: value}} {
				for name, v := range from {
					values[name] = v
				}
			}
			content := file(values)
			read, err := export.Read([]byte(content), export.Options{Now: now, UnitsPerDollar: 100, KeepKeys: true, Compare: true})
			if err != nil || len(read.Unknown) > 0 || read.Rows[0].Problem != "" || read.Rows[0].Skip != "" {
				continue
			}
			if problem := read.Rows[0].There.Problem; problem != "" {
				t.Errorf("%s is imported, but the other system is not understood (%s): %s", form, problem, content)
			}
			if more := wider(read.Rows[0]); more != "" {
				t.Errorf("%s allows more %s: %s", form, more, content)
			}
		}
	})
}
