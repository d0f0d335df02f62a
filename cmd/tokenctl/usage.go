package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type usageCmd struct {
	Show   usageShowCmd   `cmd:"" default:"withargs" help:"Show what your tokens were used for (the default)."`
	Export usageExportCmd `cmd:"" help:"Print what your tokens were used for, day by day, as CSV."`
}

// Help implements kong.HelpProvider.
func (*usageCmd) Help() string {
	return `A charge appears after about a minute and is kept for 400 days. Hours and days are those of UTC.

Example:

    tokenctl usage --by model
    tokenctl usage --token 42 --from 2026-11-01 --by hour
    tokenctl usage export --month 2026-11 --csv`
}

// defaultUsageDays is how long before --to the default of --from is.
const defaultUsageDays = 30

// A usageTime is the flags for a time. Where it is embedded, first and last are set to
// the help of --from and --to.
type usageTime struct {
	From  instant `placeholder:"TIME" xor:"from" help:"${first} (default 30 days before --to)."`
	To    instant `placeholder:"TIME" xor:"to" help:"${last} (default now)."`
	Month string  `placeholder:"YYYY-MM" xor:"from,to" help:"A month in place of --from and --to."`
}

// span returns the times that the flags give; the zero time is the default of the API.
// The error names only flags that were given.
func (u usageTime) span(now time.Time) (from, to time.Time, err error) {
	oldest := now.UTC().AddDate(0, 0, -int(history.MaxDays)).Truncate(24 * time.Hour)
	from, to = u.From.Time, u.To.Time
	if u.Month != "" {
		from, err = time.Parse("2006-01", u.Month)
		to = from.AddDate(0, 1, 0)
	}
	switch {
	case err != nil:
		err = problemf("%q is not a month: use a month such as 2026-11", u.Month)
	case u.Month != "" && from.After(now):
		err = problemf("--month %s is in the future", u.Month)
	case u.Month != "" && from.Before(oldest):
		err = problemf("--month %s begins more than %d days ago, and usage is kept for %[2]d days", u.Month, history.MaxDays)
	case !from.IsZero() && !to.IsZero() && !from.Before(to):
		err = problemf("--from must be before --to")
	case to.IsZero() && from.After(now):
		err = problemf("--from must be before --to (default: now)")
	case from.After(now):
		err = problemf("--from must be in the past")
	case !from.IsZero() && from.Before(oldest):
		err = problemf("--from must be at most %d days ago, because usage is kept that long", history.MaxDays)
	case from.IsZero() && !to.IsZero() && to.AddDate(0, 0, -defaultUsageDays).Before(oldest):
		err = problemf("--to must be at most %d days ago without --from, because usage is kept for %d days", history.MaxDays-defaultUsageDays, history.MaxDays)
	}
	return from, to, err
}

func historyOptions(from, to time.Time, by string) client.HistoryOptions {
	o := client.HistoryOptions{By: by}
	if !from.IsZero() {
		o.From = strconv.FormatInt(from.Unix(), 10)
	}
	if !to.IsZero() {
		o.To = strconv.FormatInt(to.Unix(), 10)
	}
	return o
}

type usageShowCmd struct {
	Token     *int64 `placeholder:"ID" help:"ID of a token, also of a deleted one (default all of your tokens)."`
	By        string `enum:"hour,day,model,token" default:"day" help:"Print a line for each model of an hour (hour, which needs --token) or of a day (day), for each model, or for each token (default day)."`
	usageTime `kong:"set='first=First time, such as 2026-11-01 or 2026-11-01T12:00:00Z; without --by hour, the start of its UTC day',set='last=Time up to which, not included; without --by hour, the end of its UTC day'"`
	remote
}

// Help implements kong.HelpProvider.
func (*usageShowCmd) Help() string {
	return `Units are exactly what was charged. Dollars are what the prices said then; requests that were charged in units have none.

Example:

    tokenctl usage --month 2026-11 --by token`
}

// Run implements the command.
func (c *usageShowCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	from, to, err := c.span(time.Now())
	switch {
	case err != nil:
		return err
	case c.Token == nil && c.By == "hour":
		return problemf("hours are shown of one token: add --token ID, or use --by day")
	case c.Token != nil && c.By == "token":
		return problemf("--token is for one token: use --by hour, day or model")
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	var h wire.UsageHistory
	if o := historyOptions(from, to, c.By); c.Token != nil {
		h, err = s.History(ctx, *c.Token, o)
	} else {
		h, err = s.AllHistory(ctx, o)
	}
	if err != nil {
		return s.explain(err)
	}
	if c.JSON {
		return out.printJSON(h)
	}
	return out.print(historyText(h))
}

// historyText returns a table of a history, its total, and how far it is behind.
func historyText(h wire.UsageHistory) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	head := map[string]string{"hour": "HOUR\tMODEL", "day": "DAY\tMODEL", "model": "MODEL", "token": "ID\tNAME"}[h.By]
	_, _ = fmt.Fprintln(w, head+"\tREQUESTS\tUNITS\tDOLLARS\tINPUT\tCACHED\tOUTPUT") // a Builder never fails
	for _, row := range h.Rows {
		var cells []string
		if row.Start != nil {
			cells = append(cells, timestamp(*row.Start))
		}
		if row.Model != nil {
			cells = append(cells, visible(shorten(orElse(*row.Model, "-"))))
		}
		if row.TokenID != nil && row.Name != nil {
			cells = append(cells, strconv.FormatInt(*row.TokenID, 10), visible(shorten(*row.Name)))
		}
		_, _ = fmt.Fprintln(w, strings.Join(append(cells, sumCells(row.UsageSums)...), "\t"))
	}
	total := append([]string{"Total"}, slices.Repeat([]string{""}, strings.Count(head, "\t"))...)
	_, _ = fmt.Fprintln(w, strings.Join(append(total, sumCells(h.Total)...), "\t"))
	_ = w.Flush()
	for _, reason := range slices.Sorted(maps.Keys(h.Refusals)) {
		requests := "requests were"
		if h.Refusals[reason] == 1 {
			requests = "request was"
		}
		_, _ = fmt.Fprintf(&text, "At least %d %s refused: %s\n", h.Refusals[reason], requests, visible(reason))
	}
	switch {
	case h.Complete != nil && *h.Complete:
	case h.BehindSeconds != nil:
		_, _ = fmt.Fprintf(&text, "The history was %s behind at %s; newer charges may be missing.\n", seconds(*h.BehindSeconds), timestamp(h.MeasuredAt))
	default:
		text.WriteString("Recent charges may be missing.\n")
	}
	return text.String()
}

// seconds returns a number of seconds in words.
func seconds(n int64) string {
	if n == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", n)
}

func sumCells(s wire.UsageSums) []string {
	cached := s.CacheReadTokens + s.CacheWriteTokens + s.CacheWrite1hTokens
	cells := []string{strconv.FormatInt(s.Requests, 10), strconv.FormatInt(s.Units, 10), "$" + s.Dollars}
	for _, n := range []int64{s.InputTokens, cached, s.OutputTokens} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return cells
}
