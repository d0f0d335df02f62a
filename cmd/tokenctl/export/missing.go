package export

import (
	"slices"
	"strings"
)

// A need is columns of an export that may restrict a token, of which a row must have
// one. Without it the row does not say whether the token is restricted.
type need struct {
	columns []string
	none    string // why it must have a value; "" if no value is no restriction
}

// checkWhole records a problem if a row lacks columns, or values, that its system
// always has.
func (d dialect) checkWhole(f *fields) {
	if d.needs == nil {
		return
	}
	var missing []string
	for _, n := range d.needs(f) {
		is := func(has func(column string) bool) bool { return slices.ContainsFunc(n.columns, has) }
		switch {
		case is(func(column string) bool { return d.ignores(f.options, column) }):
		case !is(func(column string) bool { return f.present[column] }):
			missing = append(missing, strings.Join(n.columns, " or "))
		case n.none != "" && !is(func(column string) bool { return !isEmpty(f.values[column]) }):
			f.wrong(n.columns[0], "has no value, "+n.none+": correct it, or leave the row out")
		}
	}
	if len(missing) > 0 {
		f.wrong("", strings.Join(missing, ", ")+" missing: without that, the key might be allowed more here than in "+d.name+"; "+d.whole+", or add --ignore-column NAME for a column that it does not have")
	}
}

// liteLLMNeeds returns the columns that a key of LiteLLM must have. Its API names all
// settings of a key; the columns of a table may have been chosen.
func liteLLMNeeds(f *fields) []need {
	columns := []string{"blocked", "expires", "max_budget", "models"}
	isTable := true
	for column, v := range f.values {
		isPart := strings.Contains(column, ".") // of an object, which a table has as JSON
		if _, isText := v.(string); !isText && !isPart {
			isTable = false
		}
	}
	if isTable {
		columns = append(columns, "user_id", "team_id", "budget_id", "rpm_limit", "tpm_limit", "max_parallel_requests", "model_max_budget", "metadata", "permissions")
	}
	var needs []need
	for _, column := range columns {
		needs = append(needs, need{columns: []string{column}})
	}
	return needs
}

// enabledNeeds returns the column with which API Gateway and Unkey disable a key.
func enabledNeeds(*fields) []need {
	return []need{{[]string{"enabled"}, "and does not say whether the key is enabled"}}
}

// newAPINeeds returns the columns that a row of New API, One API or One Hub must have.
// A row without a key and without an ID is not of their tables: it is one of a list of
// new tokens, which may leave out what it does not set.
func newAPINeeds(f *fields) []need {
	has := func(columns ...string) bool {
		return slices.ContainsFunc(columns, func(column string) bool { return f.present[column] })
	}
	if !f.options.KeepKeys && !has("id", "key", "user_id") {
		return nil
	}
	// Without unlimited_quota the quota is limited, as there.
	needs := []need{{[]string{"status"}, "which New API reads as 0, and refuses the key"}, {[]string{"expired_time"}, "which New API reads as 0, so that the key has expired"}}
	if f.options.ByID {
		// The rows are whole. Without a column of deletions no token is deleted.
		return needs
	}
	needs = append(needs, need{[]string{"model_limits", "models", "model_limits_enabled", "setting"}, ""}, need{[]string{"allow_ips", "subnet", "setting"}, ""})
	_, isTable := f.values["id"].(string) // not the answer of an API, where One Hub lists no deleted tokens
	if !isOurs(f.values) && !f.present["deletedat"] && (isTable && has("setting") || has("model_limits", "model_limits_enabled", "allow_ips")) {
		needs = append(needs, need{[]string{"deleted_at"}, ""})
	}
	return needs
}

// zero returns what New API reads in a column without a value: 0, because the database
// has NULL there. A row without the column says nothing.
func (f *fields) zero(column string, otherwise int64) int64 {
	if f.present[column] {
		return 0
	}
	return otherwise
}
