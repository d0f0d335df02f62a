package main

import (
	"context"
	"fmt"
	"time"
)

type tokenRotateCmd struct {
	ID    int64    `arg:"" help:"The token's id."`
	Grace lifetime `placeholder:"DURATION" help:"Let the old key work for this time, up to 7d (default: it ends at once)."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenRotateCmd) Help() string {
	return `The token keeps its id, quota and history. The key is printed once and can't be had again.

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
	old := "The old key has ended."
	if t.PreviousUntil != 0 {
		old = "The old key works until " + timestamp(t.PreviousUntil) + "."
	}
	return out.print(fmt.Sprintf("Token %d %s has another key. %s\nKey: %s\nIt won't be shown again.\n", t.ID, visible(t.Name), old, visible(t.Key)))
}
