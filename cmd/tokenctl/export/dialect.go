package export

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A dialect is the export format of one system. Column names are in lower case.
// That of a part of an object has the names of all its objects, as in
// credits.remaining.
type dialect struct {
	name        string
	markers     []string             // columns that no other dialect has
	all         []string             // a file with the columns name and key and none but these is of this dialect; may be empty
	id          []string             // columns for the token's ID; the first with a value is used
	label       []string             // columns for the token's name, likewise
	owners      [][]string           // columns for its owner: the first group with a value counts. It has a column of IDs, and perhaps some of names, which are not IDs
	columns     []string             // columns that are imported
	objects     []string             // columns whose parts are columns of their own
	harmless    []string             // columns that restrict nothing, and are ignored
	restricting map[string]string    // columns that restrict and have no equivalent, and what to do instead
	optional    []string             // imported columns that --ignore-column can name
	needs       func(*fields) []need // columns that a row must have
	whole       string               // how to export them
	read        func(*fields) wire.TokenInput
	key         func(*fields) (k Key, column, problem string)
	used        func(*fields) int64 // units that were used with the key
	there       func(*fields, *There)
}

// alwaysHarmless are columns that are ignored in every dialect: an imported token
// gets a new key and new times.
var alwaysHarmless = []string{"key", "created_at", "updated_at", "createdat", "updatedat"} //nolint:gochecknoglobals // a constant

// dialects returns every dialect, in the order in which detect tries them.
func dialects() []dialect { return []dialect{newAPI(), liteLLM(), apiGateway(), unkey()} }

// detect returns the dialect with one of its markers among the columns, or with no
// other columns.
func detect(columns map[string]string) (dialect, error) {
	has := func(name string) bool { _, ok := columns[name]; return ok }
	if has("name") && has("key") && len(columns) == 2 {
		return dialect{}, errors.New("it has only the columns name and key, and does not say of which system they are: export whole rows or, for API Gateway, the columns Enabled and UsageplanIds, too")
	}
	for _, d := range dialects() {
		others := slices.ContainsFunc(slices.Collect(maps.Keys(columns)), func(name string) bool { return !slices.Contains(d.all, name) })
		if slices.ContainsFunc(d.markers, has) || has("name") && has("key") && !others {
			return d, nil
		}
	}
	if has("name") {
		return newAPI(), nil
	}
	return dialect{}, errors.New("it has no column of an export of New API, One API, LiteLLM, API Gateway or Unkey, such as name or remain_quota: check that it is such an export and, if it is CSV, that it has a header row")
}

// newAPI returns the dialect of New API, One API, One Hub and Latchkey.
func newAPI() dialect {
	return dialect{
		name: "New API", id: []string{"id"}, label: []string{"name"},
		owners:  [][]string{{"user_id", "users.username", "username"}},
		markers: []string{"remain_quota", "unlimited_quota", "expired_time", "model_limits", "model_limits_enabled", "allow_ips", "subnet"},
		columns: []string{
			"id", "name", "status", "remain_quota", "unlimited_quota", "expired_time", "models", "model_limits", "model_limits_enabled", "allow_ips", "subnet", "group", "deletedat", "deleted_at",
			"windows", "extra", "model_quotas", "requests_per_minute", "units_per_minute", "max_concurrent",
			hubModels + "enabled", hubModels + "models", hubAddresses + "enabled", hubAddresses + "whitelist",
			"users.missing", "users.status", "users.deleted_at",
		},
		objects: []string{"users", "setting", "setting.limits", "setting.limits.limit_model_setting", "setting.limits.limits_ip_setting"},
		harmless: []string{
			"user_id", "resets_at", "used_quota", "created_time", "accessed_time", "previous_key", "previous_until", "etag",
			"cross_group_retry", "backup_group", "billing_type", "model_route_notify", "owner_name", "username", "users.username", "setting.heartbeat", "setting.billing_tag", keyHash,
		},
		restricting: map[string]string{"auto_groups": "lists the groups that New API chooses from, and a token has one group here: set its group after the import"},
		needs:       newAPINeeds, whole: "export whole rows of the table tokens",
		read: readNewAPI, key: keyOfNewAPI, used: usedOfNewAPI, there: newAPIThere,
	}
}

// The limits of One Hub.
const (
	hubModels    = "setting.limits.limit_model_setting."
	hubAddresses = "setting.limits.limits_ip_setting."
)

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

// deleted skips a token with a time of its deletion. A zero may stand for none.
func (f *fields) deleted(columns ...string) {
	before := f.problem
	column, s := f.text(columns...)
	switch {
	case s == "0" || strings.HasPrefix(s, "0000-") || strings.HasPrefix(s, "0001-"):
		f.wrong(column, "is a zero, and it is not clear whether that stands for no value: leave it empty if the token is not deleted")
	case s != "" && f.problem == before:
		f.skip = "it is deleted"
	}
}

// readNewAPI reads the columns of New API, One API, One Hub and Latchkey.
func readNewAPI(f *fields) wire.TokenInput {
	var in wire.TokenInput
	f.deleted("deletedat", "deleted_at")
	in.ExpiredTime = f.integer("expired_time")
	in.UnlimitedQuota = f.boolean("unlimited_quota")
	unlimited := in.UnlimitedQuota != nil && *in.UnlimitedQuota
	left := f.integer("remain_quota")
	if left != nil && !unlimited {
		f.give(&in, *left)
	}
	disable(&in, f.isDead(unlimited || left != nil && *left > 0) || f.isOfDisabledUser())
	models := f.list(",", "models", "model_limits")
	if slices.ContainsFunc(models, f.widens) {
		f.wrong("models", "has a name that ends with *, which New API and One API compare literally, and which would allow every model with that beginning here: replace it with names of models")
	}
	if f.has("models", "model_limits") {
		limit(&in, models)
	}
	if enabled := f.boolean("model_limits_enabled"); enabled != nil {
		in.ModelLimitsEnabled = enabled
	}
	in.AllowIPs = f.list(",\n", "allow_ips", "subnet")
	f.checkAsWritten()
	f.hubLimits(&in)
	if _, group := f.text("group"); group != "" {
		in.Group = &group
	}
	in.LimitsInput = f.limits()
	return in
}

// isDead reports whether a token is disabled, or is refused where it comes from
// although time and quota would allow its use: there a token that has expired or is
// exhausted stays so until somebody enables it. Latchkey derives both.
func (f *fields) isDead(hasQuota bool) bool {
	status := f.integer("status")
	if status == nil {
		return false
	}
	if *status < int64(token.Enabled) || *status > int64(token.Exhausted) {
		f.wrong("status", "must be between 1 and 4")
	}
	lasting := *status == int64(token.Expired) || *status == int64(token.Exhausted) && hasQuota
	return *status == int64(token.Disabled) || lasting && !isOurs(f.values)
}

// isOurs reports whether a row comes from Latchkey, the only one that writes both
// models, as a list, and model_limits.
func isOurs(values map[string]any) bool {
	_, isList := values["models"].([]any)
	_, hasText := values["model_limits"].(string)
	return isList && hasText
}

// hubLimits reads the limits of One Hub.
func (f *fields) hubLimits(in *wire.TokenInput) {
	for _, column := range []string{hubModels + "models", hubAddresses + "whitelist"} {
		list := f.list("", column)
		prefix := column[:strings.LastIndexByte(column, '.')+1]
		enabled := f.boolean(prefix + "enabled")
		switch {
		case enabled == nil && len(list) > 0:
			f.wrong(column, "has a list, but "+prefix+"enabled does not say whether it counts")
		case enabled == nil || !*enabled:
		case len(list) == 0:
			f.wrong(column, "is empty although its limit is enabled: disable the limit, or name what is allowed")
		case prefix == hubModels && len(in.Models) > 0, prefix == hubAddresses && len(in.AllowIPs) > 0:
			f.wrong(column, "is a second limit of the same kind: remove the one that does not count")
		case prefix == hubModels:
			if slices.ContainsFunc(list, f.widens) {
				f.wrong(column, "has a name that ends with *, which would allow every model with that beginning here: replace it with names of models")
			}
			limit(in, list)
		default:
			in.AllowIPs = list
		}
	}
}
