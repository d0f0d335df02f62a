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
	"github.com/latchkey-api/latchkey/shared/wire"
)

type usageCmd struct {
	Show   usageShowCmd   `cmd:"" default:"withargs" help:"Show what your tokens were used for (the default)."`
	Export usageExportCmd `cmd:"" help:"Print what your tokens were used for, day by day, as CSV."`
}

// Help implements kong.HelpProvider.
func (*usageCmd) Help() string {
	return `Charges are counted about a minute later, for 400 days. Hours and days are those of UTC.

Example:

    tokenctl usage --by model
    tokenctl usage --token 42 --from 2026-11-01 --by hour
    tokenctl usage export --month 2026-11 --csv`
}

// A usageTime is the flags for a time.
type usageTime struct {
	From  *moment `placeholder:"TIME" xor:"from" help:"First time, such as 2026-11-01 or 2026-11-01T12:00:00Z (default 30 days before --to)."`
	To    *moment `placeholder:"TIME" xor:"to" help:"Time up to which, not included (default now)."`
	Month string  `placeholder:"YYYY-MM" xor:"from,to" help:"A month in place of --from and --to."`
}

// span returns the times that the flags give; the zero time is the default of the API.
func (u usageTime) span() (from, to time.Time, err error) {
	if u.Month != "" {
		if from, err = time.Parse("2006-01", u.Month); err != nil {
			return from, to, problemf("%q is not a month: use a month such as 2026-11", u.Month)
		}
		return from, from.AddDate(0, 1, 0), nil
	}
	for _, flag := range []struct {
		given *moment
		at    *time.Time
	}{{u.From, &from}, {u.To, &to}} {
		if flag.given == nil {
			continue
		}
		if *flag.given < 0 {
			return from, to, problemf("never is no time of a history: use a time such as 2026-11-01")
		}
		*flag.at = time.Unix(int64(*flag.given), 0).UTC()
	}
	return from, to, nil
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
	Token *int64 `placeholder:"ID" help:"ID of a token, also of a deleted one (default all of your tokens)."`
	By    string `enum:"hour,day,model,token" default:"day" help:"What each line is for: a model in an hour or day, a model, or a token. An hour needs --token (default day)."`
	usageTime
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
	from, to, err := c.span()
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
		_, _ = fmt.Fprintf(&text, "A charge was in this history %s after it was made, measured at %s; the newest may be missing.\n", seconds(*h.BehindSeconds), timestamp(h.MeasuredAt))
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
