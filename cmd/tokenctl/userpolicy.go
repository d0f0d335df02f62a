package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type userPolicyCmd struct {
	Name string `arg:"" help:"Name of the user."`
	policyFlags
	None bool `help:"Remove the whole policy."`
	access
}

// policyFlags set the rules of a policy. A rule without a flag stays unchanged.
type policyFlags struct {
	RequireLimit             *bool           `negatable:"" help:"A token must have a limited quota, or a window."`
	MaxLifetime              *policyLifetime `placeholder:"DURATION" help:"A token must expire, at most this long from now, such as 12h or 30d; none removes the rule. New tokens expire then if the user gives no time."`
	DefaultWindow            []windowFlag    `sep:"none" placeholder:"PERIOD=N" help:"Window of new tokens for which the user gives no windows, as in \"tokenctl token create\". Repeat for up to 3; none removes all."`
	MaxWindow                []windowFlag    `sep:"none" placeholder:"PERIOD=N" help:"Window that each token must have, with this quota or a smaller one. Repeat for up to 3; none removes all."`
	DefaultRequestsPerMinute *int64          `placeholder:"N" help:"Requests per minute of new tokens for which the user gives none; 0 removes the default."`
	DefaultUnitsPerMinute    *int64          `placeholder:"N" help:"Units per minute of new tokens for which the user gives none; 0 removes the default."`
	DefaultMaxConcurrent     *int64          `placeholder:"N" help:"Requests in progress of new tokens for which the user gives none, up to 50; 0 removes the default."`
	AllowModels              *string         `placeholder:"A,B" help:"Models that tokens may be limited to, by name or by pattern such as gpt-5*; none removes the rule."`
}

// Help implements kong.HelpProvider.
func (*userPolicyCmd) Help() string {
	return `Without flags it shows the policy. A rule without a flag stays unchanged. The API refuses to create or change a token
against the policy, and says what to send instead. A change is checked only against the rules about what it changes: tokens
that exist stay as they are until then.

Example:

    tokenctl user policy alice --max-lifetime 30d --max-window day=100000 --allow-models 'gpt-5*,claude-opus-4'`
}

// Run implements the command.
func (c *userPolicyCmd) Run(ctx context.Context, out *console) error {
	edit, err := c.edit()
	if err != nil {
		return err
	}
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	var u token.User
	var p token.Policy
	if edit == nil {
		out.readOnly = true
		u, p, err = db.accounts().Policy(ctx, name)
	} else {
		u, p, err = db.accounts().SetPolicy(ctx, name, edit)
	}
	if err != nil {
		return db.explain(err, name)
	}
	if c.JSON {
		return out.printJSON(policyOutput(u, p))
	}
	return out.print(policyLines(u, p))
}

// edit returns what the flags change of a policy, or nil if there is none.
func (c *userPolicyCmd) edit() (func(*token.Policy), error) {
	given := !reflect.ValueOf(c.policyFlags).IsZero()
	if c.None && given {
		return nil, problemf("--none can't be used with other rules: it removes the whole policy")
	}
	if c.None {
		return func(p *token.Policy) { *p = token.Policy{} }, nil
	}
	defaults, err := windowsOf("--default-window", c.DefaultWindow)
	if err != nil {
		return nil, err
	}
	most, err := windowsOf("--max-window", c.MaxWindow)
	if err != nil {
		return nil, err
	}
	if c.AllowModels != nil && len(commaList(*c.AllowModels)) == 0 {
		return nil, problemf("--allow-models has no model: use names or patterns such as gpt-5*, or none to remove the rule")
	}
	if !given {
		return nil, nil
	}
	return func(p *token.Policy) {
		setGiven(&p.RequireLimit, c.RequireLimit)
		setGiven(&p.MaxLifetimeSeconds, (*int64)(c.MaxLifetime))
		setGiven(&p.DefaultRates.RequestsPerMinute, c.DefaultRequestsPerMinute)
		setGiven(&p.DefaultRates.UnitsPerMinute, c.DefaultUnitsPerMinute)
		setGiven(&p.DefaultRates.MaxConcurrent, c.DefaultMaxConcurrent)
		if defaults != nil {
			p.DefaultWindows = defaults
		}
		if most != nil {
			p.MaxWindows = most
		}
		if c.AllowModels != nil {
			if p.AllowedModels = commaList(*c.AllowModels); *c.AllowModels == none {
				p.AllowedModels = nil
			}
		}
	}, nil
}

// setGiven sets a rule to the value of its flag, if that was given.
func setGiven[T any](rule, flag *T) {
	if flag != nil {
		*rule = *flag
	}
}

// policyLifetime is a time in seconds; 0 is none.
type policyLifetime int64

// UnmarshalText parses a time such as 30d, or the word none.
func (l *policyLifetime) UnmarshalText(text []byte) error {
	if string(text) == none {
		*l = 0
		return nil
	}
	var d lifetime
	if err := d.UnmarshalText(text); err != nil {
		return err
	}
	*l = policyLifetime(time.Duration(d) / time.Second)
	return nil
}

// policyLines returns a policy as text.
func policyLines(u token.User, p token.Policy) string {
	if p.IsZero() {
		return fmt.Sprintf("User %s has no policy.\n", u.Name)
	}
	text := fmt.Sprintf("Policy of user %s:\n", u.Name)
	line := func(name, value string) {
		if value != "" {
			text += fmt.Sprintf("  %-29s%s\n", name+":", value)
		}
	}
	line("Limit required", map[bool]string{true: "yes"}[p.RequireLimit])
	if p.MaxLifetimeSeconds != 0 {
		line("Maximum lifetime", token.FormatSeconds(p.MaxLifetimeSeconds))
	}
	for _, w := range p.DefaultWindows {
		line("Default window", token.WindowText(w))
	}
	for _, w := range p.MaxWindows {
		line("Maximum window", token.WindowText(w))
	}
	for _, rate := range []struct {
		name  string
		value int64
	}{
		{"Default requests per minute", p.DefaultRates.RequestsPerMinute},
		{"Default units per minute", p.DefaultRates.UnitsPerMinute},
		{"Default requests in progress", p.DefaultRates.MaxConcurrent},
	} {
		if rate.value != 0 {
			line(rate.name, fmt.Sprint(rate.value))
		}
	}
	line("Allowed models", visible(strings.Join(p.AllowedModels, ", ")))
	return text
}

// policyOutput is what --json prints.
func policyOutput(u token.User, p token.Policy) any {
	return struct {
		UserID int64  `json:"user_id"`
		Name   string `json:"name"`
		shownPolicy
	}{u.ID, u.Name, policyJSON(p)}
}

// A shownPolicy is a policy in JSON.
type shownPolicy struct {
	RequireLimit             bool               `json:"require_limit"`
	MaxLifetimeSeconds       int64              `json:"max_lifetime_seconds"`
	DefaultWindows           []wire.WindowInput `json:"default_windows"`
	MaxWindows               []wire.WindowInput `json:"max_windows"`
	DefaultRequestsPerMinute int64              `json:"default_requests_per_minute"`
	DefaultUnitsPerMinute    int64              `json:"default_units_per_minute"`
	DefaultMaxConcurrent     int64              `json:"default_max_concurrent"`
	AllowedModels            []string           `json:"allowed_models"`
}

func policyJSON(p token.Policy) shownPolicy {
	windows := func(all []token.Window) []wire.WindowInput { return windowInputs(append([]token.Window{}, all...)) }
	return shownPolicy{
		p.RequireLimit, p.MaxLifetimeSeconds, windows(p.DefaultWindows), windows(p.MaxWindows),
		p.DefaultRates.RequestsPerMinute, p.DefaultRates.UnitsPerMinute, p.DefaultRates.MaxConcurrent, append([]string{}, p.AllowedModels...),
	}
}
