package export_test

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A bare is a row of a system without restrictions, and the columns with which the
// system may restrict it.
type bare struct {
	values      map[string]string // in JSON
	restricting []string
}

func bareRows() []bare {
	return []bare{
		{
			map[string]string{"id": `1`, "name": `"k"`, "status": `1`, "unlimited_quota": `true`, "expired_time": `-1`, "setting": `null`, "deleted_at": `null`},
			[]string{
				"status", "expired_time", "unlimited_quota", "models", "model_limits", "allow_ips", "subnet", "deleted_at", "setting", "windows", "model_quotas", "requests_per_minute", "units_per_minute", "max_concurrent",
				"extra", "group", "region", "limits", "setting.limits", "auto_groups", "users",
			},
		},
		{
			map[string]string{"token": `"5f2c"`, "key_alias": `"k"`, "spend": `0`, "max_budget": `null`, "expires": `null`, "models": `[]`, "blocked": `null`, "user_id": `null`, "team_id": `null`, "budget_id": `null`, "rpm_limit": `null`, "tpm_limit": `null`, "max_parallel_requests": `null`, "model_max_budget": `null`, "metadata": `null`, "permissions": `null`},
			[]string{
				"max_budget", "expires", "models", "blocked", "budget_duration", "budget_id", "litellm_budget_table", "rpm_limit", "tpm_limit", "max_parallel_requests", "model_max_budget", "team_id", "user_id",
				"organization_id", "allowed_routes", "permissions", "access_group_ids", "metadata", "spend", "object_permission_id", "budget_limits", "note",
			},
		},
		{
			map[string]string{"keyId": `"key_1"`, "name": `"k"`, "enabled": `true`},
			[]string{"enabled", "expires", "remaining", "credits", "ratelimits", "ratelimit", "permissions", "roles", "identity", "meta", "deletedAt", "refill", "workspace"},
		},
		{
			map[string]string{"name": `"k"`, "key": `"apikey1234abcdefghij0123456789"`, "enabled": `true`, "UsageplanIds": `""`},
			[]string{"enabled", "UsageplanIds", "stageKeys", "note"},
		},
	}
}

// asJSON returns a file with one object.
func asJSON(values map[string]string) string {
	var parts []string
	for name, v := range values {
		parts = append(parts, `"`+name+`":`+v)
	}
	return "[{" + strings.Join(parts, ",") + "}]"
}

// asCSV returns a file with one row. The cells of texts are without JSON's quotes.
func asCSV(values map[string]string) string {
	var names, cells []string
	for name, v := range values {
		var text string
		if json.Unmarshal([]byte(v), &text) != nil {
			text = v
		}
		names, cells = append(names, name), append(cells, text)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.WriteAll([][]string{names, cells}) // a Builder never fails
	return b.String()
}

// granted returns the token of a file with one row, or nil if it is not imported.
func granted(content string, unitsPerDollar int64) *wire.TokenInput {
	f, err := export.Read([]byte(content), export.Options{Now: now, UnitsPerDollar: unitsPerDollar})
	if err != nil || len(f.Unknown) > 0 || f.Rows[0].Problem != "" || f.Rows[0].Skip != "" {
		return nil
	}
	return &f.Rows[0].Token
}

// exceeds says in what a token is allowed more than another, or returns "".
func exceeds(a, b wire.TokenInput) string {
	number := func(p *int64, none int64) int64 {
		if p == nil || *p == none {
			return token.MaxInteger
		}
		return *p
	}
	is := func(p *bool) bool { return p != nil && *p }
	quota := func(in wire.TokenInput) int64 {
		switch {
		case is(in.UnlimitedQuota):
			return token.MaxInteger
		case in.RemainQuota == nil:
			return 0
		default:
			return *in.RemainQuota
		}
	}
	isDisabled := func(in wire.TokenInput) bool { return in.Status != nil && *in.Status == 2 }
	switch {
	case isDisabled(b) && !isDisabled(a):
		return "status"
	case quota(a) > quota(b):
		return "quota"
	case number(a.ExpiredTime, -1) > number(b.ExpiredTime, -1):
		return "time"
	case is(b.ModelLimitsEnabled) && (!is(a.ModelLimitsEnabled) || slices.ContainsFunc(a.Models, func(m string) bool { return !slices.Contains(b.Models, m) })):
		return "models"
	case len(b.AllowIPs) > 0 && (len(a.AllowIPs) == 0 || slices.ContainsFunc(a.AllowIPs, func(ip string) bool { return !slices.Contains(b.AllowIPs, ip) })):
		return "addresses"
	case number(a.RequestsPerMinute, 0) > number(b.RequestsPerMinute, 0), number(a.UnitsPerMinute, 0) > number(b.UnitsPerMinute, 0), number(a.MaxConcurrent, 0) > number(b.MaxConcurrent, 0):
		return "rates"
	case len(a.Windows) < len(b.Windows) || len(a.ModelQuotas) < len(b.ModelQuotas):
		return "windows"
	}
	return ""
}

// isFree reports whether a token has no restriction at all.
func isFree(in wire.TokenInput) bool {
	return exceeds(wire.TokenInput{UnlimitedQuota: new(true)}, in) == ""
}

// FuzzNeverMore checks that a column that restricts tokens, with any value, never
// allows a token more than without the column, and that a value that some program
// might mean as a restriction never leaves the token without one.
func FuzzNeverMore(f *testing.F) {
	for _, value := range []string{
		`null`, `""`, `"NULL"`, `"None"`, `"\\N"`, `0`, `1`, `-1`, `5`, `2.5`, `4`, `true`, `false`, `[]`, `{}`, `["a"]`, `["*"]`, `[""]`, `[null]`, `"{a,b}"`, `"{\"a\",\"b\"}"`, `"['a']"`, `"a,b"`, `","`,
		`"all-team-models"`, `["all-proxy-models"]`, `"10.0.0.1\n10.0.0.2"`, `"30d"`, `"2026-01-31T12:00:00Z"`, `1800000000000`, `{"max_budget":1}`, `{"max_budget":1,"budget_duration":"1d"}`, `{"remaining":3}`,
		`{"limits":{"limit_model_setting":{"enabled":true,"models":["a"]}}}`, `[{"limit":1,"duration":60000,"autoApply":true}]`, `[{"period":"day","quota":1}]`, `{"model_rpm_limit":{"a":1}}`, `"{\"guardrails\":[\"a\"]}"`,
	} {
		for system := range bareRows() {
			for column := range 24 {
				f.Add(uint8(system), uint8(column), value)
			}
		}
	}
	f.Fuzz(func(t *testing.T, system, column uint8, value string) {
		if !json.Valid([]byte(value)) {
			return
		}
		row := bareRows()[int(system)%len(bareRows())]
		name := row.restricting[int(column)%len(row.restricting)]
		for form, file := range map[string]func(map[string]string) string{"JSON": asJSON, "CSV": asCSV} {
			for _, unitsPerDollar := range []int64{0, 100} {
				values := map[string]string{}
				for n, v := range row.values {
					values[n] = v
				}
				without := granted(file(values), unitsPerDollar)
				if without == nil {
					t.Fatalf("%s: the bare row is not imported: %s", form, file(values))
				}
				values[name] = value
				with := granted(file(values), unitsPerDollar)
				if with == nil {
					continue
				}
				if more := exceeds(*with, *without); more != "" {
					t.Errorf("%s allows more %s: %s", form, more, file(values))
				}
				if isFree(*with) && mustRestrict(name, value) && (form == "JSON" || !isWord(value)) {
					t.Errorf("%s restricts nothing: %s", form, file(values))
				}
			}
		}
	})
}

// isWord reports whether a value is a word that stands for no value in CSV, where it
// has no quotes.
func isWord(value string) bool {
	word := strings.ToLower(strings.Trim(value, "\" \t"))
	return slices.Contains([]string{"null", "[null]", "<null>", "(null)", "nan", "nil", "<nil>", "none", "undefined"}, word)
}

// mustRestrict reports whether a value of a column can't mean that there is no
// restriction.
func mustRestrict(column, value string) bool {
	if slices.Contains([]string{"status", "expired_time", "unlimited_quota", "spend", "enabled", "blocked", "budget_duration", "users", "setting", "setting.limits", "metadata", "identity", "credits", "litellm_budget_table", "team_id", "user_id", "windows", "model_quotas", "group"}, column) {
		return false // some of their values are none
	}
	text := strings.ToLower(strings.Trim(value, "\"[]{} \t\r\n"))
	none := []string{"", "null", "false", "f"}
	if zero, err := strconv.ParseFloat(text, 64); err == nil && zero == 0 {
		return false
	}
	return !slices.Contains(none, text) && !strings.ContainsAny(text, "\\") && !strings.Contains(text, "all-proxy-models")
}
