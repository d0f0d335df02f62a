package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type userShowCmd struct {
	Name string `arg:"" help:"Name of the user."`
	access
}

// Help implements kong.HelpProvider.
func (*userShowCmd) Help() string {
	return `If the user has a budget, it reads all of its tokens to say where the units are: left in the budget, drawn by tokens and
free, held by requests in progress, and used. It ends with the user's policy, as "user policy" shows it.

Example:

    tokenctl user show alice`
}

// Run implements the command.
func (c *userShowCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	u, err := db.store().FindUser(ctx, name)
	if err != nil {
		return db.explain(err, name)
	}
	var p token.Policy
	if !u.Deleting { // else it may be gone already
		if p, err = db.store().Policy(ctx, u); err != nil {
			return db.explain(err, name)
		}
	}
	var h token.Holdings
	perDollar := int64(0)
	if u.UsesWallet {
		if u, h, err = db.accounts().Holdings(ctx, name); err != nil {
			return db.explain(err, name)
		}
		table, err := db.prices(ctx)
		if err != nil {
			return err
		}
		perDollar = table.Scale()
	}
	if c.JSON {
		return out.printJSON(shownJSON(u, h, p))
	}
	return out.print(shownText(u, h, p, perDollar, time.Now().Unix()))
}

// A shownUser is what --json prints.
type shownUser struct {
	UserID           int64         `json:"user_id"`
	Name             string        `json:"name"`
	Role             string        `json:"role"`
	Disabled         bool          `json:"disabled"`
	KeysStopped      bool          `json:"keys_stopped"`
	CreatedTime      int64         `json:"created_time"`
	Tokens           int64         `json:"tokens"`
	MaxTokens        int64         `json:"max_tokens"`
	CreatesPerSecond int64         `json:"creates_per_second"`
	CreateBurst      int64         `json:"create_burst"`
	ChangesPerSecond int64         `json:"changes_per_second"`
	ChangeBurst      int64         `json:"change_burst"`
	Groups           []string      `json:"groups"`
	AccessTokens     []shownAccess `json:"access_tokens"`
	Wallet           *shownWallet  `json:"wallet"`
	Policy           *shownPolicy  `json:"policy"`
}

// A shownAccess is an access token without its secret. Slots count from 1.
type shownAccess struct {
	Slot        int   `json:"slot"`
	CreatedTime int64 `json:"created_time"`
	ExpiresTime int64 `json:"expires_time,omitempty"`
}

type shownWallet struct {
	wire.Budget
	Missing int64 `json:"missing"`
}

func shownJSON(u token.User, h token.Holdings, p token.Policy) shownUser {
	shown := shownUser{
		UserID: u.ID, Name: u.Name, Role: string(u.Role), Disabled: u.Disabled, KeysStopped: u.KeysStopped(), CreatedTime: u.Created,
		Tokens: u.TokenCount(), MaxTokens: u.Limits.MaxTokens, CreatesPerSecond: u.Limits.CreatesPerSecond, CreateBurst: u.Limits.CreateBurst,
		ChangesPerSecond: u.Limits.ChangesPerSecond, ChangeBurst: u.Limits.ChangeBurst,
		Groups: append([]string{}, u.Groups...), AccessTokens: []shownAccess{},
	}
	for i, s := range u.Slots {
		if s != (token.Slot{}) {
			shown.AccessTokens = append(shown.AccessTokens, shownAccess{i + 1, s.Created, s.Expires})
		}
	}
	if h.On {
		shown.Wallet = &shownWallet{wire.Budget{
			Budget: h.Units, Period: h.Length, Timezone: h.Timezone, Anchor: anchorOf(h.Period),
			Remaining: h.Left, InTokens: h.Free, Held: h.Held, Used: h.Used, ResetsAt: h.EndsAt,
		}, h.Missing}
	}
	if !p.IsZero() {
		shown.Policy = new(policyJSON(p))
	}
	return shown
}

// shownText ends with the policy, as "user policy" shows it.
func shownText(u token.User, h token.Holdings, p token.Policy, perDollar, now int64) string {
	lines := [][2]string{
		{"ID", fmt.Sprint(u.ID)},
		{"Name", u.Name},
		{"Role", string(u.Role)},
		{"State", stateWithKeys(u)},
		{"Created", timestamp(u.Created)},
		{"Tokens", fmt.Sprintf("%d; the maximum is %s", u.TokenCount(), orUnlimited(u.Limits.MaxTokens))},
		{"Creates", rate(u.Limits.CreatesPerSecond, u.Limits.CreateBurst)},
		{"Changes", rate(u.Limits.ChangesPerSecond, u.Limits.ChangeBurst)},
		{"Groups", orElse(strings.Join(u.Groups, ", "), "-")},
	}
	for i, s := range u.Slots {
		if s != (token.Slot{}) {
			lines = append(lines, [2]string{"Access token", fmt.Sprintf("%d, created at %s, %s", i+1, timestamp(s.Created), validity(s, now))})
		}
	}
	if !h.On {
		lines = append(lines, [2]string{"Budget", "none"})
	} else {
		lines = append(lines, walletLines(u.Name, h, perDollar)...)
	}
	policy := ""
	if p.IsZero() {
		lines = append(lines, [2]string{"Policy", "none"})
	} else {
		policy = policyLines(u, p)
	}
	var list strings.Builder
	w := tabwriter.NewWriter(&list, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", line[0], visible(line[1])) // a Builder never fails
	}
	_ = w.Flush()
	return list.String() + policy
}

// stateWithKeys also says whether the keys of the user's tokens work.
func stateWithKeys(u token.User) string {
	switch {
	case u.Deleting:
		return stateOf(u)
	case u.Disabled && u.KeysStopped():
		return "disabled; its keys are stopped"
	case u.Disabled: // by a version that did not stop keys
		return "disabled; its keys still work"
	case u.KeysStopped():
		return "enabled; its keys are stopped"
	default:
		return "enabled"
	}
}

func validity(s token.Slot, now int64) string {
	switch {
	case s.Expires == 0:
		return "never expires"
	case s.Valid(now):
		return "expires at " + timestamp(s.Expires)
	default:
		return "expired at " + timestamp(s.Expires)
	}
}

// walletLines say where the units of the budget are.
func walletLines(name string, h token.Holdings, perDollar int64) [][2]string {
	budget := budgetText(h.Budget, perDollar)
	switch {
	case h.EndsAt != 0:
		budget += "; resets at " + timestamp(h.EndsAt)
	case h.Length != "":
		budget += "; begins with the next use"
	}
	lines := [][2]string{
		{"Budget", budget},
		{"Left", amount(h.Left, perDollar)},
		{"Free in tokens", amount(h.Free, perDollar)},
		{"Held", amount(h.Held, perDollar)},
		{"Used", amount(h.Used, perDollar)},
	}
	if h.Missing != 0 {
		lines = append(lines, [2]string{"Missing", amount(h.Missing, perDollar) + "; run `tokenctl reconcile " + name + "`"})
	}
	return lines
}
