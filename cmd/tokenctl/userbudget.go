package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type userBudgetCmd struct {
	Name     string `arg:"" help:"Name of the user."`
	Units    *int64 `placeholder:"N" xor:"amount" help:"Units that all tokens of the user may use together."`
	Dollars  string `placeholder:"AMOUNT" xor:"amount" help:"The same in dollars, such as 100 or 2.50; needs a price table."`
	None     bool   `xor:"amount" help:"Remove the budget, and forget what was used of it."`
	Per      string `placeholder:"PERIOD" help:"Renew the budget each hour, day, week or month of the calendar, or each length such as 5h, which begins with the first use (default: it does not renew)."`
	Timezone string `placeholder:"ZONE" help:"Time zone of the calendar, such as Europe/Berlin (default UTC)."`
	Hour     string `placeholder:"N" help:"Hour at which a day, week or month begins (default 0)."`
	Weekday  string `placeholder:"DAY" help:"Weekday on which a week begins (default monday)."`
	Day      string `placeholder:"N" help:"Day on which a month begins; 29 to 31 are the last day of a shorter month (default 1)."`
	access
}

// Help implements kong.HelpProvider.
func (*userBudgetCmd) Help() string {
	return `All tokens of the user together can't use more than the budget, whatever quotas they have. It counts from the moment it is
set, without requests in progress. Other units keep what was used; another period, and removing the budget, forget it. It
writes each token, and returns when all of them follow. If it is interrupted, run it again.

Example:

    tokenctl user budget alice --units 1000000
    tokenctl user budget alice --dollars 100 --per month --timezone Europe/Berlin
    tokenctl user budget alice --none`
}

// Run implements the command.
func (c *userBudgetCmd) Run(ctx context.Context, out *console) error {
	p, err := c.period()
	if err != nil {
		return err
	}
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	table, err := db.prices(ctx)
	if err != nil {
		return err
	}
	budget, err := c.budget(p, table.Scale())
	if err != nil {
		return err
	}
	u, err := db.store().FindUser(ctx, name)
	if err != nil {
		return db.explain(err, name)
	}
	before, err := db.store().Wallet(ctx, u.ID)
	if err != nil {
		return db.explain(err, name)
	}
	walk, err := newTokenWalk(ctx, out, name, c.access, "setting the budget")
	if err != nil {
		return err
	}
	after, err := db.accounts().SetBudget(ctx, name, budget, walk.report)
	walk.clear()
	if err != nil {
		return walk.explainBudget(err)
	}
	after = after.AsOf(time.Now().Unix())
	if c.JSON {
		return out.printJSON(budgetSet(u, after))
	}
	return out.print(describeBudget(u.Name, before, after, table.Scale()))
}

// explainBudget is database.explain for an error of SetBudget, after which some
// tokens may follow the budget and others not.
func (w *tokenWalk) explainBudget(err error) error {
	const state = "the budget may be set, and some tokens may not follow it yet"
	switch {
	case errors.Is(err, context.Canceled):
		return problemf("interrupted, so %s: run this command again", state)
	case errors.Is(err, token.ErrContention):
		return problemf("another command changed user %s or its tokens at the same time, so %s: run this command again", w.name, state)
	case errors.Is(err, token.ErrUnavailable):
		return problemf("DynamoDB %s did not respond as expected, so %s: run this command again", w.db.at(), state)
	default:
		return w.db.explain(err, w.name)
	}
}

// period returns the period that the flags give; without --per it is empty.
func (c *userBudgetCmd) period() (period.Period, error) {
	var settings []string
	for _, flag := range [][2]string{{"timezone", c.Timezone}, {"hour", c.Hour}, {"weekday", c.Weekday}, {"day", c.Day}} {
		if flag[1] != "" {
			settings = append(settings, flag[0]+"="+flag[1])
		}
	}
	switch {
	case c.Units == nil && c.Dollars == "" && !c.None:
		return period.Period{}, problemf("no budget is given: use --units, --dollars or --none; `tokenctl user show %s` shows the present one", c.Name)
	case c.None && (c.Per != "" || settings != nil):
		return period.Period{}, problemf("--none removes the budget with its period: leave out --per, --timezone, --hour, --weekday and --day")
	case c.Per == "" && settings != nil:
		return period.Period{}, problemf("--timezone, --hour, --weekday and --day say when a period begins: add --per hour, day, week or month")
	case c.Per == "":
		return period.Period{}, nil
	default:
		return newPeriod(c.Per, settings)
	}
}

// budget returns the budget that the flags give, nil for none.
func (c *userBudgetCmd) budget(p period.Period, perDollar int64) (*token.Budget, error) {
	switch {
	case c.None:
		return nil, nil //nolint:nilnil // nil is no budget
	case c.Units != nil:
		return &token.Budget{Units: *c.Units, Period: p}, nil
	case perDollar == 0:
		return nil, problemf("there is no price table, so dollars have no value in units: use --units, or set prices with `tokenctl prices set FILE`")
	}
	units, err := unitsOf(c.Dollars, perDollar)
	return &token.Budget{Units: units, Period: p}, err
}

// unitsOf returns the whole units that an amount of dollars has.
func unitsOf(dollars string, perDollar int64) (int64, error) {
	if !regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,9})?$`).MatchString(dollars) {
		return 0, problemf("%q is not an amount of dollars: use digits and a decimal point, such as 100 or 2.50", dollars)
	}
	amount, _ := new(big.Rat).SetString(dollars) // the expression above allows only numbers
	amount.Mul(amount, new(big.Rat).SetInt64(perDollar))
	units := new(big.Int).Quo(amount.Num(), amount.Denom())
	switch {
	case !units.IsInt64() || units.Int64() > token.MaxInteger:
		return 0, problemf("%s dollars are more units than a budget can have, which is %d: use less", dollars, int64(token.MaxInteger))
	case units.Sign() == 0 && amount.Sign() > 0:
		return 0, problemf("%s dollars are less than a unit: a dollar has %d units", dollars, perDollar)
	}
	return units.Int64(), nil
}

// budgetSet is what --json prints.
func budgetSet(u token.User, w token.Wallet) any {
	shown := struct {
		UserID   int64        `json:"user_id"`
		Name     string       `json:"name"`
		Budget   *int64       `json:"budget"`
		Period   string       `json:"period,omitempty"`
		Timezone string       `json:"timezone,omitempty"`
		Anchor   *wire.Anchor `json:"anchor,omitempty"`
		ResetsAt int64        `json:"resets_at,omitempty"`
		Tokens   int64        `json:"tokens"`
	}{UserID: u.ID, Name: u.Name, Tokens: u.TokenCount()}
	if w.On {
		shown.Budget, shown.Period, shown.Timezone, shown.Anchor, shown.ResetsAt = &w.Units, w.Length, w.Timezone, anchorOf(w.Period), w.EndsAt
	}
	return shown
}

// describeBudget says what was set, and from when it counts.
func describeBudget(name string, before, after token.Wallet, perDollar int64) string {
	switch {
	case !after.On && !before.On:
		return fmt.Sprintf("User %s has no budget.\n", name)
	case !after.On:
		return fmt.Sprintf("User %s has no budget any more: only the limits of its tokens apply.\nWhat was used of the budget is forgotten; a budget that is set later begins anew.\n", name)
	}
	text := fmt.Sprintf("User %s has a budget for all of its tokens together: %s.\n", name, budgetText(after.Budget, perDollar))
	if after.EndsAt != 0 {
		text += "It renews at " + timestamp(after.EndsAt) + ".\n"
	}
	if before.On && before.Period == after.Period {
		return text + "What was used of it before still counts.\n"
	}
	return text + "It counts from now on: what was used before and requests in progress do not count.\n"
}

// budgetText returns the units of a budget, and its period if it has one.
func budgetText(b token.Budget, perDollar int64) string {
	text := amountOfUnits(b.Units, perDollar)
	if b.Length != "" {
		text += " per " + windowName(wire.Window{Period: b.Length, Timezone: b.Timezone, Anchor: anchorOf(b.Period)})
	}
	return text
}

func amountOfUnits(units, perDollar int64) string {
	if perDollar == 0 {
		return fmt.Sprintf("%d units", units)
	}
	return fmt.Sprintf("%d units (%s)", units, dollars(units, perDollar))
}

func anchorOf(p period.Period) *wire.Anchor {
	if p.Anchor == (period.Anchor{}) {
		return nil
	}
	return &wire.Anchor{Hour: int64(p.Anchor.Hour), Weekday: int64(p.Anchor.Weekday), Day: int64(p.Anchor.Day)}
}
