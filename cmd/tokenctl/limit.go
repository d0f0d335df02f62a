package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

type userLimitCmd struct {
	Name             string  `arg:"" help:"Name of the user."`
	MaxTokens        *int64  `placeholder:"N" help:"Maximum number of tokens; 0 means no limit."`
	CreatesPerSecond *int64  `placeholder:"N" help:"Average number of tokens that the user may create per second; 0 means no limit."`
	CreateBurst      *int64  `placeholder:"N" help:"Number of tokens that the user may create at once after a pause."`
	Groups           *string `placeholder:"LIST" help:"Groups that the user's tokens may have, separated by commas; an empty LIST grants none. Prices depend only on granted groups."`
	access
}

// Help implements kong.HelpProvider.
func (*userLimitCmd) Help() string {
	usual := token.DefaultLimits()
	return fmt.Sprintf(`Without flags it shows the limits. A limit without a flag stays unchanged. By default a user may have %d tokens and
create %d per second, with a burst of %d. If you lower a limit, existing tokens above it stay.

A user with groups can give its tokens only these; --groups also applies to tokens that exist. Without groups, a token's
group is only a label: it changes no price.

Example:

    tokenctl user limit alice --max-tokens 50000 --creates-per-second 0`, usual.MaxTokens, usual.CreatesPerSecond, usual.CreateBurst)
}

// Run implements the command.
func (c *userLimitCmd) Run(ctx context.Context, out *console) error {
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	var u token.User
	if c.MaxTokens == nil && c.CreatesPerSecond == nil && c.CreateBurst == nil {
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
			Groups           []string `json:"groups"`
		}{u.ID, u.Name, u.TokenCount(), u.Limits.MaxTokens, u.Limits.CreatesPerSecond, u.Limits.CreateBurst, append([]string{}, u.Groups...)})
	}
	groups := ""
	if len(u.Groups) > 0 {
		groups = " Groups: " + strings.Join(u.Groups, ", ") + "."
	}
	return out.print(fmt.Sprintf("User %s has %d tokens; the maximum is %s. Creation rate: %s.%s\n",
		u.Name, u.TokenCount(), orUnlimited(u.Limits.MaxTokens), creationRate(u.Limits), groups))
}

func (c *userLimitCmd) edit(l *token.Limits) {
	for _, set := range []struct{ limit, value *int64 }{
		{&l.MaxTokens, c.MaxTokens}, {&l.CreatesPerSecond, c.CreatesPerSecond}, {&l.CreateBurst, c.CreateBurst},
	} {
		if set.value != nil {
			*set.limit = *set.value
		}
	}
}

func orUnlimited(n int64) string {
	if n == 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

func creationRate(l token.Limits) string {
	if l.CreatesPerSecond == 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d per second, with a burst of %d", l.CreatesPerSecond, l.CreateBurst)
}
