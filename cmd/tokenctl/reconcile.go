package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

type reconcileCmd struct {
	Name   string `arg:"" name:"user" help:"The user's name."`
	DryRun bool   `help:"Only tell what differs."`
	access
}

// Help implements kong.HelpProvider.
func (*reconcileCmd) Help() string {
	return `It reads all of the user's tokens, finishes deletions that were begun, and repairs counts that are not what the tokens
say. It may run while the user makes and deletes tokens. In a dry run, tokens that DynamoDB removed a moment ago and that
are still to be counted show as a difference; if they still do after a day, something is wrong.

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
		return problemf("somebody else changed the same rows at the same time: what was repaired before stays repaired, so run it again for the rest")
	}
	if err != nil {
		return db.explain(err, name)
	}
	if c.JSON {
		return out.printJSON(reconciledJSON(r, c.DryRun))
	}
	return out.print(reconciledText(r, c.DryRun))
}

type reconciled struct {
	UserID     int64     `json:"user_id"`
	Name       string    `json:"name"`
	DryRun     bool      `json:"dry_run"`
	Buckets    int64     `json:"buckets"`
	Unfinished int64     `json:"unfinished"`
	Drifts     []drifted `json:"drifts"`
	Total      *drifted  `json:"total,omitempty"`
}

type drifted struct {
	FirstID  int64 `json:"first"`
	LastID   int64 `json:"last"`
	Recorded int64 `json:"counted"`
	Actual   int64 `json:"missing"`
}

func reconciledJSON(r token.Reconciliation, dryRun bool) reconciled {
	out := reconciled{r.User.ID, r.User.Name, dryRun, r.Buckets, r.Unfinished, []drifted{}, nil}
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
		line("Deletions that were begun%s: %d.", map[bool]string{false: " and are finished now", true: ""}[dryRun], r.Unfinished)
	}
	for _, d := range r.Drifts {
		line("Ids %d to %d: %d are counted as removed, %d are missing.", d.FirstID, d.LastID, d.Recorded, d.Actual)
	}
	if d := r.Total; d != nil {
		line("In total: %d are counted as removed, %d in the buckets.", d.Recorded, d.Actual)
	}
	switch {
	case len(r.Drifts) == 0 && r.Total == nil:
		line("The counts of user %s are right.", r.User.Name)
	case dryRun:
		line("Nothing was changed: repair it with `tokenctl reconcile %s`.", r.User.Name)
	default:
		line("The counts of user %s are repaired.", r.User.Name)
	}
	return text.String()
}
