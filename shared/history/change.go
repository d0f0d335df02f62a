package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Change is a setting that a change replaced. The values are JSON, as the API shows
// them; nil if there was none. Long lists and texts are cut.
type Change struct {
	Setting string          `json:"setting"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

// What a Change has of a list and of a text, so that an Entry stays small.
const (
	maxListed = 10
	maxText   = 80
)

// TokenChanges returns how the settings of a token differ between two moments. before
// is the zero Token for a token that is new. now is in Unix seconds.
func TokenChanges(before, after token.Token, now int64) []Change {
	c := comparison{isNew: before.ID == 0}
	if c.isNew {
		before.ExpiredTime = token.Never
		c.add("used_quota", before.UsedQuota, after.UsedQuota) // an import brings what was used
	}
	c.add("key", before.Mask, after.Mask)
	c.add("previous_until", before.PreviousUntil, after.PreviousUntil)
	c.add("leaked_time", before.LeakedTime, after.LeakedTime)
	c.add("imported", before.ImportedFrom, after.ImportedFrom)
	c.add("name", before.Name, after.Name)
	c.add("status", settableStatus(before), settableStatus(after))
	c.add("expired_time", before.ExpiredTime, after.ExpiredTime)
	c.add("unlimited_quota", before.UnlimitedQuota, after.UnlimitedQuota)
	c.add("remain_quota", remaining(before, now), remaining(after, now))
	c.add("extra", extra(before.Raise), extra(after.Raise))
	c.add("model_limits_enabled", before.ModelLimitsEnabled, after.ModelLimitsEnabled)
	c.add("models", before.Models, after.Models)
	c.add("allow_ips", before.AllowIPs, after.AllowIPs)
	c.add("group", before.Group, after.Group)
	c.add("windows", windows(before.Windows), windows(after.Windows))
	c.add("model_quotas", modelQuotas(before.ModelQuotas), modelQuotas(after.ModelQuotas))
	c.addRates(before.Rates, after.Rates)
	return c.changes
}

// UserChanges returns what an operator changed of a user, and the action.
func UserChanges(before, after token.User) (action string, changes []Change) {
	c := comparison{isNew: before.ID == 0}
	c.add("name", before.Name, after.Name)
	c.add("role", before.Role, after.Role)
	c.add("disabled", before.Disabled, after.Disabled)
	c.add("keys_stopped", before.KeysStopped(), after.KeysStopped())
	c.add("groups", before.Groups, after.Groups)
	c.add("max_tokens", before.Limits.MaxTokens, after.Limits.MaxTokens)
	c.add("creates_per_second", before.Limits.CreatesPerSecond, after.Limits.CreatesPerSecond)
	c.add("create_burst", before.Limits.CreateBurst, after.Limits.CreateBurst)
	c.add("changes_per_second", before.Limits.ChangesPerSecond, after.Limits.ChangesPerSecond)
	c.add("change_burst", before.Limits.ChangeBurst, after.Limits.ChangeBurst)
	settings := len(c.changes)
	for i := range before.Slots {
		c.add("access_token_"+strconv.Itoa(i), accessToken(before.Slots[i]), accessToken(after.Slots[i]))
	}
	switch {
	case c.isNew:
		action = UserCreated
	case after.Deleting && !before.Deleting:
		action = UserDeleted
	case after.Disabled != before.Disabled:
		action = map[bool]string{true: UserDisabled, false: UserEnabled}[after.Disabled]
	case after.KeysStopped() != before.KeysStopped():
		action = map[bool]string{true: UserKeysStopped, false: UserKeysStarted}[after.KeysStopped()]
	case settings == 0 && len(c.changes) > 0:
		action = UserAccessTokens
	default:
		action = UserUpdated
	}
	return action, c.changes
}

// PolicyChanges returns how two policies differ.
func PolicyChanges(before, after token.Policy) []Change {
	var c comparison
	c.add("require_limit", before.RequireLimit, after.RequireLimit)
	c.add("max_lifetime_seconds", before.MaxLifetimeSeconds, after.MaxLifetimeSeconds)
	c.add("default_windows", windows(before.DefaultWindows), windows(after.DefaultWindows))
	c.add("max_windows", windows(before.MaxWindows), windows(after.MaxWindows))
	c.add("allowed_models", before.AllowedModels, after.AllowedModels)
	c.addRates(before.DefaultRates, after.DefaultRates)
	return c.changes
}

// BudgetChanges returns how the budgets of two wallets differ.
func BudgetChanges(before, after token.Wallet) []Change {
	budget := func(w token.Wallet) any {
		if !w.On || w.Order == 0 {
			return nil
		}
		return windows([]token.Window{{Period: w.Period, Quota: w.Units}})[0]
	}
	var c comparison
	c.add("budget", budget(before), budget(after))
	return c.changes
}

// PriceChanges returns how two price tables differ, in short. before is nil if there was
// none.
func PriceChanges(before, after *price.Table) []Change {
	var c comparison
	if before == nil {
		before, c.isNew = &price.Table{}, true
	}
	c.add("revision", before.Revision, after.Revision)
	c.add("units_per_dollar", before.UnitsPerDollar, after.UnitsPerDollar)
	c.add("models", len(before.Models), len(after.Models))
	c.add("groups", len(before.Groups), len(after.Groups))
	return c.changes
}

// A comparison collects changes.
type comparison struct {
	isNew   bool // there is nothing before
	changes []Change
}

func (c *comparison) add(setting string, before, after any) {
	if now := asJSON(after); bytes.Equal(asJSON(before), now) || c.isNew && string(now) == "null" {
		return
	}
	change := Change{Setting: setting, After: asJSON(cut(after))}
	if !c.isNew {
		change.Before = asJSON(cut(before))
	}
	c.changes = append(c.changes, change)
}

func (c *comparison) addRates(before, after token.Rates) {
	c.add("requests_per_minute", before.RequestsPerMinute, after.RequestsPerMinute)
	c.add("units_per_minute", before.UnitsPerMinute, after.UnitsPerMinute)
	c.add("max_concurrent", before.MaxConcurrent, after.MaxConcurrent)
}

// asJSON returns a value as JSON. The values are of types that always have one.
func asJSON(v any) json.RawMessage {
	content, _ := json.Marshal(v) //nolint:errchkjson // maps, lists, texts, numbers and flags
	return content
}

// cut returns a value without what is too much of it.
func cut(v any) any {
	if u, ok := v.(webhookURL); ok {
		return ShownURL(string(u))
	}
	list, ok := v.([]string)
	if !ok {
		return v
	}
	short := make([]string, 0, maxListed+1)
	for i, s := range list {
		if i == maxListed {
			return append(short, fmt.Sprintf("(%d more)", len(list)-maxListed))
		}
		if r := []rune(s); len(r) > maxText {
			s = string(r[:maxText]) + "…"
		}
		short = append(short, s)
	}
	return short
}

// settableStatus is 1 or 2, as an update sets it.
func settableStatus(t token.Token) token.Status {
	if t.Disabled {
		return token.Disabled
	}
	return token.Enabled
}

// remaining is nil if the quota is unlimited.
func remaining(t token.Token, now int64) any {
	if t.UnlimitedQuota {
		return nil
	}
	return t.RemainAt(now)
}

func extra(r token.Raise) any {
	if r.Units == 0 {
		return nil
	}
	return map[string]any{"units": r.Units, "until": r.Until}
}

func windows(all []token.Window) []map[string]any {
	list := make([]map[string]any, len(all))
	for i, w := range all {
		m := map[string]any{"quota": w.Quota}
		if w.Length != "" { // else it is a budget that does not renew
			m["period"] = w.Length
		}
		if w.Timezone != "" {
			m["timezone"] = w.Timezone
		}
		if w.Anchor != (token.Window{}).Anchor {
			m["anchor"] = map[string]any{"hour": w.Anchor.Hour, "weekday": w.Anchor.Weekday, "day": w.Anchor.Day}
		}
		if w.Raise.Units > 0 {
			m["extra"] = extra(w.Raise)
		}
		list[i] = m
	}
	return list
}

func modelQuotas(all []token.ModelQuota) []map[string]any {
	list := make([]map[string]any, len(all))
	for i, q := range all {
		list[i] = map[string]any{"model": q.Model, "quota": q.Quota}
	}
	return list
}

// accessToken is nil for an empty slot.
func accessToken(s token.Slot) any {
	if s.Hash == ([32]byte{}) {
		return nil
	}
	m := map[string]any{"user_version": s.UserVersion, "created": s.Created}
	if s.Expires != 0 {
		m["expires"] = s.Expires
	}
	return m
}
