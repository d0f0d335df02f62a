package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/cmd/tokenctl/journal"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenImportCmd struct {
	File           string   `arg:"" help:"The export: CSV with a header row, or JSON."`
	Keys           string   `placeholder:"FILE" help:"File for the new keys (default FILE.keys.csv)."`
	Format         string   `enum:"auto,csv,json" default:"auto" placeholder:"FORMAT" help:"csv, json, or auto to detect it from the content (default ${default})."`
	UnitsPerDollar int64    `placeholder:"N" help:"Units per dollar of a LiteLLM budget; 500000 on the scale of New API."`
	RestartWindows bool     `help:"Import tokens whose windows are partly used, too; their windows begin anew."`
	IgnoreColumn   []string `sep:"none" placeholder:"NAME" help:"Import although this column has values that Latchkey does not know or has no equivalent of. Repeatable."`
	SkipBad        bool     `help:"Skip rows that can't be imported; without it, one such row stops the import."`
	Resend         bool     `help:"Send a batch again whose result has been unknown for more than a day; first delete the tokens that it created."`
	DryRun         bool     `help:"Report what would be imported and which rows have errors; needs no login."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenImportCmd) Help() string {
	return `It reads exports of New API, One API, One Hub, LiteLLM, Unkey and Latchkey: the settings and the remaining quota. Expired
and deleted tokens are skipped. Every token gets a new key. The keys are not printed but written to a file that only you can
read, with the columns old_id, old_name, new_id, new_name and new_key. A text that a spreadsheet would read as a formula
gets a ' in front.

No token is allowed more than in the other system: a restriction without an equivalent is an error of its row, and columns
that Latchkey does not know are listed with some of their values. If such a column does not matter, or you take care of it
yourself, name it with --ignore-column.

All rows are checked before the first is sent. The exit code is 0 if all rows were imported, 3 if some were, and 1 if none
was. If the import is interrupted, run the same command again: it continues
and creates no token twice. Until the import is complete, FILE.keys.csv.journal records its progress.

Example:

    tokenctl token import tokens.json --dry-run
    tokenctl token import tokens.json`
}

// An importing is an import in progress.
type importing struct {
	*tokenImportCmd
	out     *console
	file    export.File
	counts  importCounts
	session *session
}

// importCounts is what --json prints.
type importCounts struct {
	Dialect  string `json:"dialect"`
	DryRun   bool   `json:"dry_run"`
	Rows     int    `json:"rows"`
	Imported int    `json:"imported"`         // or, in a dry run, would be
	Before   int    `json:"before,omitempty"` // the part of Imported that earlier runs created
	Skipped  int    `json:"skipped"`
	Bad      int    `json:"bad"`
	KeysFile string `json:"keys_file,omitempty"`
}

// Run implements the command.
func (c *tokenImportCmd) Run(ctx context.Context, out *console) error {
	content, err := readFile(c.File)
	if err != nil {
		return err
	}
	if c.UnitsPerDollar < 0 || c.UnitsPerDollar > token.MaxInteger {
		return problemf("--units-per-dollar must be a number from 1 to %d", int64(token.MaxInteger))
	}
	file, err := export.Read(content, export.Options{Format: c.Format, UnitsPerDollar: c.UnitsPerDollar, Now: time.Now().Unix(), RestartWindows: c.RestartWindows, IgnoreColumns: c.IgnoreColumn})
	if err != nil {
		return problemf("%s can't be imported: %s", c.File, err)
	}
	if c.Keys == "" {
		c.Keys = c.File + ".keys.csv"
	}
	im := &importing{tokenImportCmd: c, out: out, file: file}
	im.review()
	switch {
	case len(file.Unknown) > 0:
		return im.unknown()
	case im.counts.Bad > 0 && !c.SkipBad:
		return problemf("%d of %d rows can't be imported, so nothing was imported: correct them, or skip them with --skip-bad", im.counts.Bad, im.counts.Rows)
	case im.counts.Imported == 0:
		return problemf("none of %d rows can be imported, so nothing was imported", im.counts.Rows)
	case c.DryRun:
		return im.conclude()
	}
	if im.session, err = c.open(); err != nil {
		return err
	}
	return im.run(ctx, sha256.Sum256(fmt.Appendf(nil, "%d\n%s", c.UnitsPerDollar, content)))
}

// readFile reads a file that the command names.
func readFile(name string) (content []byte, err error) {
	const most = 64 << 20      // bytes; enough for about 100,000 tokens
	file, err := os.Open(name) //nolint:gosec // the user names it
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(file, most+1)) // the file may be a pipe or an endless device
		err = errors.Join(err, file.Close())
	}
	switch {
	case err != nil:
		return nil, problemf("%s can't be read (%s): check its path", name, reason(err))
	case len(content) > most:
		return nil, problemf("%s is larger than %d MiB: split it into smaller files", name, most>>20)
	}
	return content, nil
}

// review counts the rows and prints warnings and errors on stderr. It prints no
// value from the file, because the value may be a key.
func (im *importing) review() {
	n := &im.counts
	n.Dialect, n.DryRun, n.Rows = im.file.Dialect, im.DryRun, len(im.file.Rows)
	for _, warning := range im.file.Warnings {
		im.out.note("warning: " + warning + ".")
	}
	for _, row := range im.file.Rows {
		for _, warning := range row.Warnings {
			im.noteRow(row, "warning: "+warning)
		}
		switch {
		case row.Skip != "":
			n.Skipped++
			im.noteRow(row, "skipped: "+row.Skip)
		case row.Problem != "":
			n.Bad++
			im.noteRow(row, "error: "+row.Problem)
		default:
			n.Imported++
		}
	}
}

func (im *importing) noteRow(row export.Row, text string) {
	where := place(row)
	if row.Column != "" {
		where += ", column " + row.Column
	}
	im.out.note(fmt.Sprintf("%s: %s.", where, text))
}

// place returns where a row is in the file.
func place(row export.Row) string {
	if row.Line == row.Number {
		return fmt.Sprintf("row %d", row.Number)
	}
	return fmt.Sprintf("row %d, line %d", row.Number, row.Line)
}

// unknown lists the columns that are not known and returns the problem.
func (im *importing) unknown() error {
	flags := ""
	for _, c := range im.file.Unknown {
		im.out.note(fmt.Sprintf("column %q is unknown: %d rows have a value, such as %q.", c.Name, c.Rows, c.Values))
		flags += " --ignore-column " + c.Name
		if strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("._-", r) }) {
			flags = strings.TrimSuffix(flags, c.Name) + strconv.Quote(c.Name)
		}
	}
	return problemf("%d columns of %s are unknown and may restrict the tokens, so nothing was imported: if they do not matter, add%s", len(im.file.Unknown), im.File, flags)
}

// run sends the rows to the API. source identifies the content of the file.
func (im *importing) run(ctx context.Context, source [sha256.Size]byte) error {
	bar := im.out.progress(im.counts.Imported, "importing")
	defer bar.Close() //nolint:errcheck // only affects the display
	work := journal.Import{
		KeysFile: im.Keys, Source: fmt.Sprintf("%x", source), URL: im.session.url, UserID: im.session.userID,
		Rows: im.file.Rows, Batch: token.MaxBatch, Resend: im.Resend,
		Create: func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
			return im.session.createPatiently(ctx, in, client.IdempotencyKey(key))
		},
		Refused:  refused,
		Now:      time.Now,
		Progress: func(rows int) { _ = bar.Add(rows) },
	}
	sum, err := work.Run(ctx)
	_ = bar.Clear()
	if err != nil {
		return im.explain(sum, err)
	}
	for _, row := range sum.Expired {
		im.noteRow(row, "skipped: it expired during the import")
	}
	im.counts.Skipped += len(sum.Expired)
	im.counts.Imported, im.counts.Before, im.counts.KeysFile = sum.Before+sum.Now, sum.Before, im.Keys
	return im.conclude()
}

// refused reports whether an error of a create proves that neither this request
// nor an earlier one with the same idempotency key created a token. The API gives
// these errors either after it has looked for a saved response and found none, or
// for every request with this body. An invalid access token proves nothing,
// because the API checks it first.
func refused(err error) bool {
	return slices.ContainsFunc([]wire.Code{
		wire.ErrInvalidParameter, wire.ErrTokenLimit, wire.ErrBodyTooLarge, wire.ErrInvalidJSON, wire.ErrUnknownField, wire.ErrUnsupportedMedia,
		wire.ErrPolicyViolation,
	}, func(code wire.Code) bool { return errors.Is(err, code) })
}

// conclude prints the result.
func (im *importing) conclude() error {
	if err := im.printResult(); err != nil {
		return err
	}
	if im.counts.Imported < im.counts.Rows {
		return &partialError{}
	}
	return nil
}

func (im *importing) printResult() error {
	n := im.counts
	if im.JSON {
		return im.out.printJSON(n)
	}
	left := fmt.Sprintf(" Skipped: %d. Errors: %d.", n.Skipped, n.Bad)
	if im.DryRun {
		return im.out.print(fmt.Sprintf("%d of %d tokens of %s, an export of %s, would be imported.%s\n", n.Imported, n.Rows, im.File, n.Dialect, left))
	}
	before := ""
	if n.Before > 0 {
		before = fmt.Sprintf(", %d of them by earlier runs", n.Before)
	}
	return im.out.print(fmt.Sprintf("%d tokens imported%s.%s\nThe new keys are in %s, which only you can read.\n", n.Imported, before, left, n.KeysFile))
}

// explain turns an error of an import into a problem that says how to continue.
func (im *importing) explain(sum journal.Summary, err error) error {
	if p, ok := im.refusal(sum, err); ok {
		return p
	}
	var stale *journal.StaleError
	var pathError *os.PathError
	switch {
	case errors.Is(err, journal.ErrExists):
		return problemf("%s exists, so the file may have been imported already: to import it again, move the keys file away or set --keys to another name", im.Keys)
	case errors.Is(err, journal.ErrRunning):
		return problemf("another `tokenctl token import` is writing to %s: wait until it ends", im.Keys)
	case errors.Is(err, journal.ErrChanged):
		return problemf("the import into %s began with different content of %s, another --units-per-dollar, another API or another user: continue with those, or start a new import with --keys OTHER", im.Keys, im.File)
	case errors.Is(err, journal.ErrGone):
		return problemf("%s is missing although keys were written to it: restore it, or delete the tokens created so far, remove %s and start again", im.Keys, journal.Path(im.Keys))
	case errors.Is(err, journal.ErrEdited):
		return problemf("%s or %s has changed since this import wrote it: restore it, or delete the tokens created so far, move both files away and start again", im.Keys, journal.Path(im.Keys))
	case errors.As(err, &stale):
		first, last := stale.Rows[0], stale.Rows[len(stale.Rows)-1]
		return problemf("rows %d to %d were sent at %s, and it is no longer possible to find out whether they were created: with `tokenctl token list --keyword NAME` look for tokens named %q to %q that were created then, delete them, and run the command again with --resend",
			first.Number, last.Number, timestamp(stale.Sent.Unix()), first.OldName, last.OldName)
	case errors.Is(err, wire.ErrTokenLimit):
		return im.unfinished(sum, limitReached)
	case errors.Is(err, wire.ErrIdempotencyMismatch):
		return im.unfinished(sum, "the last batch was sent with another of your access tokens: log in with that one within a day")
	case errors.Is(err, context.Canceled):
		return im.unfinished(sum, "interrupted")
	case errors.As(err, &pathError):
		return im.unfinished(sum, fmt.Sprintf("%s is not usable (%s)", pathError.Path, reason(err)))
	default:
		return im.unfinished(sum, sentence(im.session.explain(err)))
	}
}

// unfinished adds to a reason what was imported and how to continue.
func (im *importing) unfinished(sum journal.Summary, why string) error {
	if sum.Before+sum.Now == 0 {
		return problemf("%s; no import was confirmed; run the same command again: it creates no token twice", why)
	}
	return &partialError{problemf("%s; %d of %d tokens were imported and their keys are in %s; run the same command again: it continues there and creates no token twice", why, sum.Before+sum.Now, im.counts.Imported, im.Keys)}
}
