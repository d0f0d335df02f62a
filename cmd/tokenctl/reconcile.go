package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

type reconcileCmd struct {
	Name   string `arg:"" name:"user" help:"Name of the user."`
	DryRun bool   `help:"Report differences without correcting them."`
	access
}

// Help implements kong.HelpProvider.
func (*reconcileCmd) Help() string {
	return `It reads all tokens of the user, completes unfinished deletions, and corrects stored counts that differ from the tokens. It also
checks that the user's budget is the sum of what is left, what its tokens have drawn, and what removed tokens have used.
It is safe to run while the user creates and deletes tokens. A dry run also reports expired tokens that DynamoDB has
removed but the purge function has not counted yet. A difference that is still there after a day is an error.

Example:

    tokenctl reconcile alice --dry-run`
}

// Run implements the command.
func (c *reconcileCmd) Run(ctx context.Context, out *console) error {
	name, db, err := named(ctx, c.Name, c.access)
	if err != nil {
		return err
	}
	r, err := db.accounts().Reconcile(ctx, name, c.DryRun)
	if errors.Is(err, token.ErrContention) && !c.DryRun {
		return problemf("another command changed the same items at the same time: the counts corrected so far stay corrected; run the command again for the rest")
	}
	if err != nil {
		return db.explain(err, name)
	}
	if c.JSON {
		return out.printJSON(reconciledJSON(r, c.DryRun))
	}
	return out.print(reconciledText(r, c.DryRun))
}

// reconciled is what --json prints.
type reconciled struct {
	UserID     int64     `json:"user_id"`
	Name       string    `json:"name"`
	DryRun     bool      `json:"dry_run"`
	Buckets    int64     `json:"buckets"`
	Unfinished int64     `json:"unfinished"`
	Drifts     []drifted `json:"drifts"`
	Total      *drifted  `json:"total,omitempty"`
	Missing    int64     `json:"missing_units,omitempty"`
}

type drifted struct {
	FirstID  int64 `json:"first"`
	LastID   int64 `json:"last"`
	Recorded int64 `json:"counted"`
	Actual   int64 `json:"missing"`
}

func reconciledJSON(r token.Reconciliation, dryRun bool) reconciled {
	out := reconciled{r.User.ID, r.User.Name, dryRun, r.Buckets, r.Unfinished, []drifted{}, nil, r.Missing}
	for _, d := range r.Drifts {
		out.Drifts = append(out.Drifts, drifted(d))
	}
	if r.Total != nil {
		total := drifted(*r.Total)
		out.Total = &total
	}
	return out
}

func reconciledText(r token.Reconciliation, dryRun bool) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	if r.Unfinished > 0 {
		line("Unfinished deletions%s: %d.", map[bool]string{false: ", now completed", true: ""}[dryRun], r.Unfinished)
	}
	for _, d := range r.Drifts {
		line("IDs %d to %d: %d counted as removed, %d actually missing.", d.FirstID, d.LastID, d.Recorded, d.Actual)
	}
	if d := r.Total; d != nil {
		line("All IDs: %d counted as removed in total, %d in the buckets.", d.Recorded, d.Actual)
	}
	switch n := r.Missing; {
	case n > 0:
		line("Budget: %d units were drawn by tokens that no longer exist. They count as used.", n)
	case n < 0:
		line("Budget: tokens have drawn %d units more than were taken from it. They are taken from what is left.", -n)
	}
	switch {
	case len(r.Drifts) == 0 && r.Total == nil && r.Missing == 0:
		line("The counts of user %s are correct.", r.User.Name)
	case dryRun:
		line("Nothing was changed. To correct the counts, run `tokenctl reconcile %s`.", r.User.Name)
	default:
		line("The counts of user %s have been corrected.", r.User.Name)
	}
	return text.String()
}
