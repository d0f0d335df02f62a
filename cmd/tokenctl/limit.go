package main

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/token"
)

type userLimitCmd struct {
	Name             string `arg:"" help:"The user's name."`
	MaxTokens        *int64 `placeholder:"N" help:"How many tokens it may have at a time; 0 is without limit."`
	CreatesPerSecond *int64 `placeholder:"N" help:"How many tokens it may make a second in the long run; 0 is without limit."`
	CreateBurst      *int64 `placeholder:"N" help:"How many tokens it may make at once after a pause."`
	access
}

// Help implements kong.HelpProvider.
func (*userLimitCmd) Help() string {
	usual := token.DefaultLimits()
	return fmt.Sprintf(`What is not named stays as it is; without any flag the limits are shown. A user for whom none were set may have %d
tokens and make %d a second, with a burst of %d. Tokens above a limit that is lowered stay.

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
	if err != nil {
		return db.explain(err, name)
	}
	if c.JSON {
		return out.printJSON(struct {
			UserID           int64  `json:"user_id"`
			Name             string `json:"name"`
			Tokens           int64  `json:"tokens"`
			MaxTokens        int64  `json:"max_tokens"`
			CreatesPerSecond int64  `json:"creates_per_second"`
			CreateBurst      int64  `json:"create_burst"`
		}{u.ID, u.Name, u.TokenCount(), u.Limits.MaxTokens, u.Limits.CreatesPerSecond, u.Limits.CreateBurst})
	}
	return out.print(fmt.Sprintf("User %s has %d tokens and may have %s. It may create %s.\n",
		u.Name, u.TokenCount(), orUnlimited(u.Limits.MaxTokens), pace(u.Limits)))
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
		return "any number"
	}
	return fmt.Sprint(n)
}

func pace(l token.Limits) string {
	if l.CreatesPerSecond == 0 {
		return "any number a second"
	}
	return fmt.Sprintf("%d a second, with a burst of %d", l.CreatesPerSecond, l.CreateBurst)
}
