package export

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// liteLLM returns the dialect of LiteLLM: its table of keys, and the objects that
// its API lists.
func liteLLM() dialect {
	const (
		team      = "is of a team, whose budget, rates and models bind the key too, and are not in the file: give the owner of the imported tokens that budget with `tokenctl user budget NAME --dollars AMOUNT --per PERIOD`, and import each team to an owner of its own"
		owner     = "is a user whose budget and rates bind the key too, and are not in the file: give the owner of the imported tokens that budget with `tokenctl user budget NAME --dollars AMOUNT --per PERIOD`, and import each user to an owner of its own"
		byModel   = "limits single models: set model_quotas of the token after the import"
		noWay     = "restricts the key, and has no equivalent here"
		elsewhere = "names a budget in another table: export with the objects of litellm_budget_table, as /key/list does with return_full_object=true"
	)
	return dialect{
		name: "LiteLLM", id: []string{"token", "token_id", "id"}, label: []string{"key_alias", "key_name"},
		owners:  [][]string{{"team_id"}, {"user_id"}},
		markers: []string{"key_alias", "key_name", "max_budget", "blocked"},
		columns: []string{
			"token", "token_id", "id", "key_alias", "key_name", "spend", "expires", "models", "blocked", "deleted_at",
			"max_budget", "budget_duration", "budget_reset_at", "rpm_limit", "tpm_limit", "max_parallel_requests",
			budgetTable + "max_budget", budgetTable + "budget_duration", budgetTable + "budget_reset_at", budgetTable + "rpm_limit", budgetTable + "tpm_limit", budgetTable + "max_parallel_requests",
		},
		objects: []string{"litellm_budget_table", "metadata"},
		harmless: []string{
			"last_active", "created_by", "updated_by", "deleted_by", "deleted_by_api_key", "litellm_changed_by", "soft_budget", "soft_budget_cooldown", "model_spend", "user_email", "user_role", "user_alias", "user_spend", "team_alias", "team_spend",
			"rotation_count", "auto_rotate", "rotation_interval", "last_rotation_at", "key_rotation_at", "last_refreshed_at", "api_key", oursInLiteLLM,
			budgetTable + "budget_id", budgetTable + "soft_budget", budgetTable + "created_at", budgetTable + "created_by", budgetTable + "updated_at", budgetTable + "updated_by",
		},
		restricting: map[string]string{
			"team_id": team, "team_max_budget": team, "team_rpm_limit": team, "team_tpm_limit": team, "team_models": team, "team_blocked": team, "team_member": team, "team_member_spend": team,
			"organization_id": team, "org_id": team, "project_id": team, "agent_id": owner, "user_max_budget": owner, "user_rpm_limit": owner, "user_tpm_limit": owner,
			"model_max_budget": byModel, budgetTable + "model_max_budget": byModel, "budget_limits": byModel, "rpm_limit_per_model": byModel, "tpm_limit_per_model": byModel,
			"model_rpm_limit": byModel, "model_tpm_limit": byModel, "metadata.model_rpm_limit": byModel, "metadata.model_tpm_limit": byModel,
			"access_group_ids": noWay, "object_permission_id": noWay, "object_permission": noWay, "allowed_routes": noWay, "allowed_passthrough_routes": noWay, "metadata.allowed_passthrough_routes": noWay,
			"permissions": noWay, "policies": noWay, "allowed_cache_controls": noWay, "allowed_model_region": noWay, "guardrails": noWay, "metadata.guardrails": noWay, "enforced_params": noWay,
			"metadata.enforced_params": noWay, "tags": noWay, "metadata.tags": noWay, "router_settings": noWay, "config": noWay, "key_type": noWay, budgetTable + "allowed_models": noWay,
			"metadata.temp_budget_increase": "raises max_budget for a while: import the key after that", "metadata.temp_budget_expiry": "raises max_budget for a while: import the key after that",
			"litellm_budget_table_max_budget": elsewhere, "litellm_budget_table_rpm_limit": elsewhere, "litellm_budget_table_tpm_limit": elsewhere, "litellm_budget_table_model_max_budget": elsewhere,
			"litellm_budget_table_max_parallel_requests": elsewhere, "litellm_budget_table_budget_duration": elsewhere,
			"budget_id": elsewhere, "user_id": owner,
		},
		optional: []string{"tpm_limit", budgetTable + "tpm_limit"},
		needs:    liteLLMNeeds, whole: "export whole keys, with return_full_object=true, or the whole table",
		read: readLiteLLM, key: keyOfLiteLLM, used: usedOfLiteLLM, there: liteLLMThere,
	}
}

// budgetTable is the beginning of the columns of a budget that a key shares with
// others, or has from a tier.
const budgetTable = "litellm_budget_table."

// readLiteLLM reads a key of LiteLLM. There a key without a value is not limited.
func readLiteLLM(f *fields) wire.TokenInput {
	var in wire.TokenInput
	f.deleted("deleted_at")
	blocked := f.boolean("blocked")
	disable(&in, blocked != nil && *blocked)
	in.ExpiredTime = f.time("expires")
	f.liteLLMModels(&in)
	f.liteLLMBudgets(&in)
	in.RequestsPerMinute = f.lowest("rpm_limit")
	in.UnitsPerMinute = f.lowest("tpm_limit")
	if column, tpm := f.find("tpm_limit", budgetTable+"tpm_limit"); tpm != nil && f.options.UnitsPerDollar > 0 {
		f.wrong(column, "counts tokens, but with --units-per-dollar units are money: set units_per_minute of the token after the import, and add --ignore-column "+column)
	}
	if in.MaxConcurrent = f.lowest("max_parallel_requests"); in.MaxConcurrent != nil && *in.MaxConcurrent > token.MaxOpenHolds {
		f.warnings = append(f.warnings, fmt.Sprintf("max_parallel_requests is lowered to %d, the most here", token.MaxOpenHolds))
		in.MaxConcurrent = new(int64(token.MaxOpenHolds))
	}
	return in
}

// special matches the names that stand for models that depend on a team or the
// proxy's configuration.
var special = regexp.MustCompile(`^(?:all|no)-[a-z]+-models$`)

func (f *fields) liteLLMModels(in *wire.TokenInput) {
	models := f.list("", "models")
	if slices.Contains(models, "all-proxy-models") {
		models = []string{}
	}
	if i := slices.IndexFunc(models, special.MatchString); i >= 0 {
		f.wrong("models", "contains "+models[i]+", which only LiteLLM understands: replace it with the names of the models")
	}
	if f.has("models") {
		limit(in, models)
	}
}

// lowest returns the lower one of a key's own rate and that of its budget.
func (f *fields) lowest(column string) *int64 {
	own, shared := f.rate(column), f.rate(budgetTable+column)
	if own == nil || shared != nil && *shared < *own {
		return shared
	}
	return own
}

// liteLLMBudgets converts the budgets to units. A budget that renews becomes a
// window; of another, what is left becomes the quota.
func (f *fields) liteLLMBudgets(in *wire.TokenInput) {
	spend := f.dollars("spend")
	for _, prefix := range []string{"", budgetTable} {
		budget := f.dollars(prefix + "max_budget")
		_, duration := f.text(prefix + "budget_duration")
		switch {
		case budget == nil:
			continue
		case spend == nil || spend.Sign() < 0:
			f.wrong("spend", "must say what was spent of the budget")
			return
		}
		if duration != "" && f.units(prefix+"max_budget", budget) > 0 {
			f.addWindow(in, prefix, duration, spend.Sign() > 0)
			continue
		}
		left := f.units(prefix+"max_budget", new(big.Rat).Sub(budget, spend))
		if in.RemainQuota == nil || *in.RemainQuota > left {
			f.give(in, left)
		}
	}
	if in.RemainQuota == nil {
		in.UnlimitedQuota = new(true)
	}
}

// addWindow adds a budget that renews. Two with the same period become the smaller
// one.
func (f *fields) addWindow(in *wire.TokenInput, prefix, duration string, isUsed bool) {
	length, ok := periodOf(duration)
	if !ok {
		f.wrong(prefix+"budget_duration", "must be a length such as 30d, 24h, 1mo or monthly")
		return
	}
	if resets := f.time(prefix + "budget_reset_at"); isUsed && (resets == nil || *resets > f.options.Now) {
		f.restart()
	}
	quota := f.units(prefix+"max_budget", f.dollars(prefix+"max_budget"))
	for _, w := range in.Windows {
		if *w.Period == length {
			*w.Quota = min(*w.Quota, quota)
			return
		}
	}
	in.Windows = append(in.Windows, wire.WindowInput{Period: &length, Quota: &quota})
}

var duration = regexp.MustCompile(`^([1-9][0-9]{0,4})(s|m|h|d|w|mo)$`)

// periodOf returns the period that is never shorter than a duration of LiteLLM.
func periodOf(text string) (string, bool) {
	const daysPerWeek = 7
	if named, ok := map[string]string{"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "month", "1mo": "month"}[text]; ok {
		return named, true
	}
	m := duration.FindStringSubmatch(text)
	switch {
	case m == nil || m[2] == "mo":
		return "", false
	case m[2] == "w":
		weeks, _ := strconv.Atoi(m[1]) // at most five digits
		return strconv.Itoa(weeks*daysPerWeek) + "d", true
	default:
		return text, true
	}
}
