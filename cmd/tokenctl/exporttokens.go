package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

type exportCmd struct {
	Format         string   `required:"" enum:"newapi,litellm" placeholder:"FORMAT" help:"newapi or litellm."`
	User           string   `placeholder:"NAME" help:"The user whose tokens are written (default all users)."`
	UnitsPerDollar int64    `placeholder:"N" help:"Units per dollar, if there is no price table that says it."`
	AlignWindows   bool     `help:"Write a window as a budget of LiteLLM, which may renew once too early."`
	Ignore         []string `placeholder:"SETTING" help:"Write tokens without this setting, which restricts them: allow_ips, budget, max_concurrent, model_quotas, requests_per_minute, units_per_minute or windows; or formulas, to write names that begin as a formula of a spreadsheet. Repeatable."`
	SkipBad        bool     `help:"Leave out tokens that have an error; without it, one such token stops the export."`
	location
}

// Help implements kong.HelpProvider.
func (*exportCmd) Help() string {
	return `It prints the tokens of one user or of all as another system has them, to move out. Keys are not in it, because Latchkey does
not have them: only the SHA-256 hash of each.

litellm is a JSON list of rows of the table LiteLLM_VerificationToken. LiteLLM stores the same hash, so the keys work there.
newapi is a CSV file with columns of the table tokens of New API. New API stores whole keys, so the keys do NOT work there: the
tokens get new ones, and the hash is in the column key_sha256.

No token is allowed more than in Latchkey: a setting that the other system can't enforce is an error of its token, until
--ignore says that you take care of it. In CSV it is also an error if a name begins as a formula of a spreadsheet, such as
=1+1. The hashes are no keys, but who has the file can search it for a known key.

All tokens are checked before the first is printed. The exit code is 0 if all were printed, 3 if some were, and 1 if none was.

Example:

    tokenctl export --format litellm --user alice >litellm.json`
}

// Run implements the command.
func (c *exportCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	if i := slices.IndexFunc(c.Ignore, func(s string) bool { return !slices.Contains(export.Ignorable, s) }); i >= 0 {
		return problemf("%q is not a setting that can be ignored: use one of %s", c.Ignore[i], strings.Join(export.Ignorable, ", "))
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	o := export.WriteOptions{Now: time.Now().Unix(), Ignore: c.Ignore, AlignWindows: c.AlignWindows}
	if o.UnitsPerDollar, err = c.scale(ctx, db); err != nil {
		return err
	}
	names, err := c.names(ctx, db)
	if err != nil {
		return err
	}
	return c.write(ctx, out, db, names, o)
}

// scale returns how many units a dollar has, or 0 if units are not money.
func (c *exportCmd) scale(ctx context.Context, db *database) (int64, error) {
	table, err := db.prices(ctx)
	switch n := table.Scale(); {
	case err != nil:
		return 0, err
	case c.UnitsPerDollar < 0 || c.UnitsPerDollar > token.MaxInteger:
		return 0, problemf("--units-per-dollar must be a number from 1 to %d", int64(token.MaxInteger))
	case n > 0 && c.UnitsPerDollar > 0 && c.UnitsPerDollar != n:
		return 0, problemf("a dollar has %d units in the price table: leave out --units-per-dollar", n)
	default:
		return cmp.Or(n, c.UnitsPerDollar), nil
	}
}

// names returns the names of the users whose tokens are written.
func (c *exportCmd) names(ctx context.Context, db *database) ([]string, error) {
	if c.User != "" {
		name, err := token.CheckUserName(c.User)
		return []string{name}, err
	}
	users, err := db.store().Users(ctx)
	if err != nil {
		return nil, db.explain(err, "")
	}
	var names []string
	for _, u := range users {
		if !u.Deleting {
			names = append(names, u.Name)
		}
	}
	return names, nil
}

// write converts all tokens and then prints them, the oldest of each user first.
func (c *exportCmd) write(ctx context.Context, out *console, db *database, names []string, o export.WriteOptions) error {
	target := export.Targets()[c.Format]
	var rows []export.Written
	var wrong exportErrors
	for _, name := range names {
		var tokens []token.Token
		err := db.accounts().EachToken(ctx, name, func(t token.Token) error {
			tokens = append(tokens, t)
			return nil
		})
		if err != nil {
			return db.explain(err, name)
		}
		slices.SortFunc(tokens, func(a, b token.Token) int { return cmp.Compare(a.ID, b.ID) })
		for _, t := range tokens {
			row := target.Convert(t, name, o)
			where := fmt.Sprintf("token %d of user %s", t.ID, name)
			if row.Problem != "" {
				wrong = append(wrong, exportError{where, row.Problem})
				continue
			}
			for _, warning := range row.Warnings {
				out.note(fmt.Sprintf("%s: warning: %s.", where, warning))
			}
			rows = append(rows, row)
		}
	}
	bad := len(wrong)
	total := len(rows) + bad
	wrong.note(out, c.SkipBad)
	switch {
	case bad > 0 && !c.SkipBad:
		return problemf("%d of %d tokens can't be written for %s, so nothing was: correct them, or leave them out with --skip-bad", bad, total, target.Name)
	case bad > 0 && len(rows) == 0:
		return problemf("none of %d tokens can be written for %s, so nothing was", total, target.Name)
	case len(rows) == 0:
		return problemf("there are no tokens to write: check --user")
	}
	var text strings.Builder
	if err := target.Write(&text, rows); err != nil {
		return err
	}
	if err := out.print(text.String()); err != nil {
		return err
	}
	if bad > 0 {
		out.note(fmt.Sprintf("%d of %d tokens were written. Left out because of errors: %d.", len(rows), total, bad))
		return &partialError{}
	}
	return nil
}

// An exportError is why a token can't be written.
type exportError struct{ where, problem string }

type exportErrors []exportError

// note prints the errors. One that many tokens have is one line, unless all tokens
// must be named because they are left out.
func (all exportErrors) note(out *console, each bool) {
	const many = 5
	counts := map[string]int{}
	for _, e := range all {
		counts[e.problem]++
	}
	for _, e := range all {
		switch n := counts[e.problem]; {
		case each || n > 0 && n <= many:
			out.note(fmt.Sprintf("%s: error: %s.", e.where, e.problem))
		case n > many:
			out.note(fmt.Sprintf("%d tokens, first %s: error: %s.", n, e.where, e.problem))
			counts[e.problem] = 0 // it was said
		}
	}
}
