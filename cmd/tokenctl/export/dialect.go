package export

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A dialect is the export format of one system. Column names are in lower case.
type dialect struct {
	name    string
	markers []string // columns that no other dialect has
	id      []string // columns for the token's ID; the first with a value is used
	label   []string // columns for the token's name, likewise
	columns []string // columns that are imported
	ignored []string // columns that are ignored without a warning
	read    func(*fields) wire.TokenInput
}

// alwaysIgnored are columns that are ignored in every dialect: an imported token
// gets a new key and new times.
var alwaysIgnored = []string{"", "key", "user_id", "created_at", "updated_at", "createdat", "updatedat"} //nolint:gochecknoglobals // a constant

// dialects returns every dialect, in the order in which detect tries them.
func dialects() []dialect {
	return []dialect{
		{
			name: "New API", id: []string{"id"}, label: []string{"name"},
			markers: []string{"remain_quota", "unlimited_quota", "expired_time", "model_limits", "model_limits_enabled", "allow_ips", "subnet"},
			columns: []string{
				"id", "name", "status", "remain_quota", "unlimited_quota", "expired_time", "models", "model_limits", "model_limits_enabled", "allow_ips", "subnet", "group", "deletedat", "deleted_at",
				"windows", "extra", "model_quotas", "requests_per_minute", "units_per_minute", "max_concurrent",
			},
			ignored: []string{"resets_at", "used_quota", "created_time", "accessed_time", "previous_key", "previous_until", "etag"},
			read:    readNewAPI,
		},
		{
			name: "LiteLLM", id: []string{"token", "token_id", "id"}, label: []string{"key_alias", "key_name"},
			markers: []string{"key_alias", "key_name", "max_budget", "blocked"},
			columns: []string{"token", "token_id", "id", "key_alias", "key_name", "max_budget", "spend", "expires", "models", "blocked", "rpm_limit", "max_parallel_requests"},
			ignored: []string{"last_active", "created_by", "updated_by"},
			read:    readLiteLLM,
		},
		{
			name: "Unkey", id: []string{"keyid", "id"}, label: []string{"name"},
			markers: []string{"keyid", "remaining", "credits.remaining", "apiid", "enabled", "workspaceid"},
			columns: []string{"keyid", "id", "name", "remaining", "credits.remaining", "expires", "enabled"},
			ignored: []string{"start", "apiid", "workspaceid", "lastusedat", "plaintext"},
			read:    readUnkey,
		},
	}
}

// detect returns the dialect with one of its markers among the columns.
func detect(columns map[string]string) (dialect, error) {
	for _, d := range dialects() {
		if slices.ContainsFunc(d.markers, func(name string) bool { _, ok := columns[name]; return ok }) {
			return d, nil
		}
	}
	if _, ok := columns["name"]; ok {
		return dialects()[0], nil
	}
	return dialect{}, errors.New("it has no column of an export of New API, One API, LiteLLM or Unkey, such as name or remain_quota: check that it is such an export and, if it is CSV, that it has a header row")
}

// limit restricts a token to models, or not at all if there are none.
func limit(in *wire.TokenInput, models []string) {
	in.Models, in.ModelLimitsEnabled = models, new(len(models) > 0)
}

// give sets the remaining quota. An overspent quota becomes 0.
func (f *fields) give(in *wire.TokenInput, left int64) {
	if left < 0 {
		f.warnings = append(f.warnings, "more than its quota was spent, so it starts with a quota of 0")
		left = 0
	}
	in.RemainQuota = &left
}

// disable sets the status of a disabled token.
func disable(in *wire.TokenInput, disabled bool) {
	if disabled {
		in.Status = new(int64(token.Disabled))
	}
}

// readNewAPI reads the columns of New API, One API and Latchkey. It takes only
// "disabled" from the status; expired and exhausted follow from time and quota.
func readNewAPI(f *fields) wire.TokenInput {
	var in wire.TokenInput
	if s := f.text("deletedat", "deleted_at"); s != "" {
		f.skip = "it is deleted"
	}
	status := f.integer("status")
	if status != nil && (*status < int64(token.Enabled) || *status > int64(token.Exhausted)) {
		f.wrong("status must be between 1 and 4")
	}
	disable(&in, status != nil && *status == int64(token.Disabled))
	in.ExpiredTime = f.integer("expired_time")
	in.UnlimitedQuota = f.boolean("unlimited_quota")
	unlimited := in.UnlimitedQuota != nil && *in.UnlimitedQuota
	if left := f.integer("remain_quota"); left != nil && !unlimited {
		f.give(&in, *left)
	}
	models := f.oneList(",", "models", "model_limits")
	if slices.ContainsFunc(models, f.widens) {
		f.wrong("models has a name that ends with *, which New API and One API compare literally, and which would allow every model with that beginning here: replace it with names of models")
	}
	if f.has("models", "model_limits") {
		limit(&in, models)
	}
	if enabled := f.boolean("model_limits_enabled"); enabled != nil {
		in.ModelLimitsEnabled = enabled
	}
	ips := f.oneList(",\n", "allow_ips", "subnet")
	in.AllowIPs = ips
	if group := f.text("group"); group != "" {
		in.Group = &group
	}
	in.LimitsInput = f.limits()
	return in
}

// widens reports whether a name of a model allows more here than where it comes
// from. Only Latchkey writes both models and model_limits. New API itself has
// patterns for two kinds of models.
func (f *fields) widens(model string) bool {
	_, hasModels := f.values["models"]
	_, hasLimits := f.values["model_limits"]
	isPattern := strings.HasSuffix(model, "*") && !strings.HasSuffix(model, "-gizmo-*") && !strings.HasSuffix(model, "-thinking-*")
	return isPattern && (!hasModels || !hasLimits)
}

// readLiteLLM converts the remaining budget to units, rounded down.
func readLiteLLM(f *fields) wire.TokenInput {
	var in wire.TokenInput
	blocked := f.boolean("blocked")
	disable(&in, blocked != nil && *blocked)
	in.ExpiredTime = f.time("expires")
	models := f.list(",", "models")
	for _, special := range []string{"all-team-models", "no-default-models"} {
		if slices.Contains(models, special) {
			f.wrong("models contains " + special + ", which only LiteLLM understands: replace it with the names of the models")
		}
	}
	if slices.Contains(models, "all-proxy-models") {
		models = nil
	}
	if f.has("models") {
		limit(&in, append([]string{}, models...))
	}
	budget, spend := f.dollars("max_budget"), f.dollars("spend")
	switch {
	case budget == nil:
		in.UnlimitedQuota = new(true)
	case f.options.UnitsPerDollar <= 0:
		f.wrong("its budget is in dollars: set --units-per-dollar; the scale of New API is 500000")
	default:
		if spend != nil {
			budget.Sub(budget, spend)
		}
		budget.Mul(budget, new(big.Rat).SetInt64(f.options.UnitsPerDollar))
		left := new(big.Int).Div(budget.Num(), budget.Denom()) // rounds down
		if !left.IsInt64() {
			f.wrong(fmt.Sprintf("its budget is above %d units: lower the budget or --units-per-dollar", int64(token.MaxInteger)))
		}
		f.give(&in, left.Int64())
	}
	in.RequestsPerMinute = f.rate("rpm_limit")
	if in.MaxConcurrent = f.rate("max_parallel_requests"); in.MaxConcurrent != nil && *in.MaxConcurrent > token.MaxOpenHolds {
		f.warnings = append(f.warnings, fmt.Sprintf("max_parallel_requests is lowered to %d, the most here", token.MaxOpenHolds))
		in.MaxConcurrent = new(int64(token.MaxOpenHolds))
	}
	return in
}

// readUnkey reads Unkey's columns. Times are in milliseconds. A key without
// credits has an unlimited quota.
func readUnkey(f *fields) wire.TokenInput {
	var in wire.TokenInput
	enabled := f.boolean("enabled")
	disable(&in, enabled != nil && !*enabled)
	if ms := f.integer("expires"); ms != nil && *ms != 0 {
		in.ExpiredTime = new(*ms / 1000)
	}
	if left := f.integer("remaining", "credits.remaining"); left != nil {
		f.give(&in, *left)
	} else {
		in.UnlimitedQuota = new(true)
	}
	return in
}
