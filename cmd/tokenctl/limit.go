package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

type userLimitCmd struct {
	Name             string  `arg:"" help:"Name of the user."`
	MaxTokens        *int64  `placeholder:"N" help:"Maximum number of tokens; 0 means no limit."`
	CreatesPerSecond *int64  `placeholder:"N" help:"Average number of tokens that the user may create per second; 0 means no limit."`
	CreateBurst      *int64  `placeholder:"N" help:"Number of tokens that the user may create at once after a pause."`
	ChangesPerSecond *int64  `placeholder:"N" help:"Average number of changes that the user may make per second; 0 means no limit."`
	ChangeBurst      *int64  `placeholder:"N" help:"Number of changes that the user may make at once after a pause."`
	Groups           *string `placeholder:"LIST" help:"Groups that the user's tokens may have, separated by commas; an empty LIST grants none. Prices depend only on granted groups."`
	access
}

// Help implements kong.HelpProvider.
func (*userLimitCmd) Help() string {
	usual := token.DefaultLimits()
	return fmt.Sprintf(`Without flags it shows the limits. A limit without a flag stays unchanged. By default a user may have %d tokens and
create %d per second, with a burst of %d. It may make %d changes per second, with a burst of %d: an update, a rotation, a
deletion and each token of a batch is a change, and a search is one for each %d tokens that it reads. If you lower a limit,
existing tokens above it stay.

A user with groups can give its tokens only these; --groups also applies to tokens that exist. Without groups, a token's
group is only a label: it changes no price.

Example:

    tokenctl user limit alice --max-tokens 50000 --creates-per-second 0`, usual.MaxTokens, usual.CreatesPerSecond, usual.CreateBurst,
		usual.ChangesPerSecond, usual.ChangeBurst, token.TokensPerRead)
}

// Run implements the command.
func (c *userLimitCmd) Run(ctx context.Context, out *console) error {
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	var u token.User
	if !c.setsLimit() {
		u, err = db.store().FindUser(ctx, name)
	} else {
		u, err = db.accounts().SetLimits(ctx, name, c.edit)
	}
	if err == nil && c.Groups != nil {
		u, err = db.accounts().SetGroups(ctx, name, strings.FieldsFunc(*c.Groups, func(r rune) bool { return r == ',' }))
	}
	if err != nil {
		return db.explain(err, name)
	}
	if c.JSON {
		return out.printJSON(struct {
			UserID           int64    `json:"user_id"`
			Name             string   `json:"name"`
			Tokens           int64    `json:"tokens"`
			MaxTokens        int64    `json:"max_tokens"`
			CreatesPerSecond int64    `json:"creates_per_second"`
			CreateBurst      int64    `json:"create_burst"`
			ChangesPerSecond int64    `json:"changes_per_second"`
			ChangeBurst      int64    `json:"change_burst"`
			Groups           []string `json:"groups"`
		}{
			u.ID, u.Name, u.TokenCount(), u.Limits.MaxTokens, u.Limits.CreatesPerSecond, u.Limits.CreateBurst,
			u.Limits.ChangesPerSecond, u.Limits.ChangeBurst, append([]string{}, u.Groups...),
		})
	}
	groups := ""
	if len(u.Groups) > 0 {
		groups = " Groups: " + strings.Join(u.Groups, ", ") + "."
	}
	return out.print(fmt.Sprintf("User %s has %d tokens; the maximum is %s. Creation rate: %s. Change rate: %s.%s\n",
		u.Name, u.TokenCount(), orUnlimited(u.Limits.MaxTokens), rate(u.Limits.CreatesPerSecond, u.Limits.CreateBurst), rate(u.Limits.ChangesPerSecond, u.Limits.ChangeBurst), groups))
}

// A limitFlag is one of the limits and its flag, nil if it was not given.
type limitFlag struct{ limit, value *int64 }

func (c *userLimitCmd) limitFlags(l *token.Limits) []limitFlag {
	return []limitFlag{
		{&l.MaxTokens, c.MaxTokens},
		{&l.CreatesPerSecond, c.CreatesPerSecond},
		{&l.CreateBurst, c.CreateBurst},
		{&l.ChangesPerSecond, c.ChangesPerSecond},
		{&l.ChangeBurst, c.ChangeBurst},
	}
}

func (c *userLimitCmd) setsLimit() bool {
	return slices.ContainsFunc(c.limitFlags(new(token.Limits)), func(f limitFlag) bool { return f.value != nil })
}

func (c *userLimitCmd) edit(l *token.Limits) {
	for _, f := range c.limitFlags(l) {
		if f.value != nil {
			*f.limit = *f.value
		}
	}
}

func orUnlimited(n int64) string {
	if n == 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

func rate(perSecond, burst int64) string {
	if perSecond == 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d per second, with a burst of %d", perSecond, burst)
}
