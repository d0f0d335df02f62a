package token

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
)

// A PolicyError means that the operator's policy for the user does not allow a
// token with these settings. Nothing was created or changed.
type PolicyError struct {
	Field  string // the setting that the policy refuses, as the client spells it
	Policy string // the rule and its limit, such as "max_lifetime 30d"
	Advice string // for people: what to send instead
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("%s: the operator's policy for this user is %s; %s", e.Field, e.Policy, e.Advice)
}

// check returns a *PolicyError if the policy does not allow a token as it will be
// at a Unix second. It checks the rules that are touched.
func (p Policy) check(t Token, rules touched, now int64) error {
	if err := p.checkLifetime(t, now); rules.lifetime && err != nil {
		return err
	}
	if most, missing := p.missingWindow(t.Windows, now); rules.windows && missing {
		policy := make([]string, len(p.MaxWindows))
		for i, w := range p.MaxWindows {
			policy[i] = WindowText(w)
		}
		return &PolicyError{"windows", "max_windows " + strings.Join(policy, " and "), "send windows with " + windowInput(most) + ", or with a smaller quota"}
	}
	if rules.limit && p.RequireLimit && t.UnlimitedQuota && len(t.Windows) == 0 {
		return &PolicyError{"unlimited_quota", "require_limit", "send unlimited_quota false, or windows with at least one window"}
	}
	if rules.models {
		return p.checkModels(t)
	}
	return nil
}

func (p Policy) checkLifetime(t Token, now int64) error {
	last := now + p.MaxLifetimeSeconds
	if p.MaxLifetimeSeconds == 0 || t.ExpiredTime != Never && t.ExpiredTime <= last {
		return nil
	}
	return &PolicyError{"expired_time", "max_lifetime " + FormatSeconds(p.MaxLifetimeSeconds), fmt.Sprintf("send a Unix time in seconds up to %d", last)}
}

func (p Policy) checkModels(t Token) error {
	policy := "allowed_models " + strings.Join(p.AllowedModels, ", ")
	switch at := slices.IndexFunc(t.Models, func(entry string) bool { return !p.allows(entry) }); {
	case len(p.AllowedModels) == 0:
		return nil
	case !t.ModelLimitsEnabled:
		return &PolicyError{"model_limits_enabled", policy, "send model_limits_enabled true and models that it allows"}
	case at >= 0:
		return &PolicyError{"models", policy, fmt.Sprintf("send only names and patterns that it allows, without %q", t.Models[at])}
	}
	return nil
}

// explain returns the error of a policy's check in the words of a raise, if the
// change is one that makes a window larger than the policy allows.
func (c Change) explain(err error, after Token) error {
	var refused *PolicyError
	if c.Raise == nil || !errors.As(err, &refused) {
		return err
	}
	most, _ := c.Policy.missingWindow(after.Windows, c.Now)
	quota := quotaOf(after.Windows, most.Period)
	if quota == 0 || quota >= most.Quota {
		return &PolicyError{"units", refused.Policy, "the quota of the window can't be raised; ask the operator"}
	}
	return &PolicyError{"units", refused.Policy, fmt.Sprintf("send at most %d units", most.Quota-quota)}
}

// FormatSeconds returns a time such as 30d or 90m, in the largest unit of d, h, m
// and s that needs no fraction.
func FormatSeconds(n int64) string {
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"d", 24 * 60 * 60}, {"h", 60 * 60}, {"m", 60}} {
		if n%unit.seconds == 0 {
			return strconv.FormatInt(n/unit.seconds, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + "s"
}

// WindowText returns a window such as "day=1000,timezone=Europe/Berlin,hour=6", as
// the operator writes it.
func WindowText(w Window) string {
	text := fmt.Sprintf("%s=%d", w.Length, w.Quota)
	for _, setting := range windowSettings(w.Period) {
		if setting[0] == "weekday" {
			setting[1] = strings.ToLower(time.Weekday(w.Anchor.Weekday % 7).String())
		}
		text += "," + setting[0] + "=" + setting[1]
	}
	return text
}

// windowInput returns a window as a client sends it, in JSON.
func windowInput(w Window) string {
	text := fmt.Sprintf(`{"period":%q,"quota":%d`, w.Length, w.Quota)
	var anchor []string
	for _, setting := range windowSettings(w.Period) {
		if setting[0] == "timezone" {
			text += fmt.Sprintf(`,"timezone":%q`, setting[1])
			continue
		}
		anchor = append(anchor, fmt.Sprintf("%q:%s", setting[0], setting[1]))
	}
	if anchor != nil {
		text += `,"anchor":{` + strings.Join(anchor, ",") + "}"
	}
	return text + "}"
}

// windowSettings returns the names and values of what a canonical period has
// beside its length, without the defaults.
func windowSettings(p period.Period) (all [][2]string) {
	if p.Timezone != "" && p.Timezone != "UTC" {
		all = append(all, [2]string{"timezone", p.Timezone})
	}
	for _, part := range []struct {
		name             string
		value, byDefault int
	}{{"hour", p.Anchor.Hour, 0}, {"weekday", max(p.Anchor.Weekday, 1), 1}, {"day", max(p.Anchor.Day, 1), 1}} {
		if part.value != part.byDefault {
			all = append(all, [2]string{part.name, strconv.Itoa(part.value)})
		}
	}
	return all
}
