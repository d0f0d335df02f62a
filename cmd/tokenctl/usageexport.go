package main

import (
	"context"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

type usageExportCmd struct {
	CSV       bool   `name:"csv" help:"Print CSV, the only format."`
	By        string `enum:"token,model" default:"token" help:"What each row of a day is for: a token or a model (default token)."`
	usageTime `kong:"set='first=First day, such as 2026-11-01, in UTC',set='last=Day up to which, not included, in UTC; a time means its whole day'"`
	profileFlags
}

// Help implements kong.HelpProvider.
func (*usageExportCmd) Help() string {
	return `It reads one day after the other, in pages, and prints each before it reads the next, however many tokens you have. Rows without a use are
left out. A name that begins as a formula of a spreadsheet has an apostrophe before it. If it fails, what it has printed is right up to the last whole day.

Example:

    tokenctl usage export --month 2026-11 --csv > usage.csv`
}

// Run implements the command.
func (c *usageExportCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	if !c.CSV {
		return problemf("add --csv: CSV is the only format")
	}
	from, to, err := c.span(time.Now())
	if err != nil {
		return err
	}
	if to.IsZero() {
		to = time.Now().UTC()
	}
	if from.IsZero() {
		from = to.AddDate(0, 0, -defaultUsageDays)
	}
	from = from.Truncate(24 * time.Hour)
	if now := time.Now(); to.After(now) {
		to = now
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	if err := out.print(strings.Join(wire.HistoryCSVHeader(), ",") + "\r\n"); err != nil {
		return err
	}
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		if err := c.day(ctx, out, s, day); err != nil {
			return err
		}
	}
	return nil
}

// day prints the rows of one day. Those of tokens are printed page by page, because a
// token is on one page alone; those of models are added up.
func (c *usageExportCmd) day(ctx context.Context, out *console, s *session, day time.Time) error {
	o := historyOptions(day, day.AddDate(0, 0, 1), c.By)
	start := day.Unix()
	show := func(rows []wire.UsageRow) error {
		var text strings.Builder
		for i := range rows {
			rows[i].Start = &start
		}
		if err := wire.WriteHistoryCSV(&text, rows); err != nil {
			return err
		}
		return out.print(text.String())
	}
	if c.By != "token" {
		h, err := s.AllHistory(ctx, o)
		if err != nil {
			return s.explain(err)
		}
		return show(h.Rows)
	}
	for page, err := range s.SelfHistoryPages(ctx, o) {
		if err != nil {
			return s.explain(err)
		}
		if err := show(page.Rows); err != nil {
			return err
		}
	}
	return nil
}
