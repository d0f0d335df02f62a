package main

import (
	"context"
	"fmt"
	"time"
)

type tokenRotateCmd struct {
	ID    int64    `arg:"" help:"ID of the token."`
	Grace lifetime `placeholder:"DURATION" help:"Time for which the old key keeps working, up to 7d (default: it stops working at once)."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenRotateCmd) Help() string {
	return `The token keeps its ID, quota and history. The new key is printed once and can't be shown again.

Example:

    tokenctl token rotate 42 --grace 1h`
}

// Run implements the command.
func (c *tokenRotateCmd) Run(ctx context.Context, out *console) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	t, err := s.Rotate(ctx, c.ID, int64(time.Duration(c.Grace)/time.Second))
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(t.Token)
	}
	old := "The old key no longer works."
	if t.PreviousUntil != 0 {
		old = "The old key works until " + timestamp(t.PreviousUntil) + "."
	}
	return out.print(fmt.Sprintf("Token %d %s has a new key. %s\nKey: %s\nSave it now: it can't be shown again.\n", t.ID, visible(t.Name), old, visible(t.Key)))
}
