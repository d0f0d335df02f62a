package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/cmd/tokenctl/journal"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenImportCmd struct {
	File           string `arg:"" help:"The export: CSV with a header row, or JSON."`
	Keys           string `placeholder:"FILE" help:"Where the new keys go (default FILE.keys.csv)."`
	Format         string `enum:"auto,csv,json" default:"auto" placeholder:"FORMAT" help:"csv, json, or auto to tell by the content (default ${default})."`
	UnitsPerDollar int64  `placeholder:"N" help:"What a dollar of a LiteLLM budget is in units; where New API's prices are used, 500000."`
	SkipBad        bool   `help:"Leave out rows that can't be imported; without it, one of them stops all."`
	Resend         bool   `help:"Send the batch again whose answer is unknown for more than a day, once you have deleted what it made."`
	DryRun         bool   `help:"Only tell what would be imported, and what is wrong; no login is needed."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenImportCmd) Help() string {
	return `It reads exports of New API, One API, LiteLLM, Unkey and Latchkey: settings, and what is left of the quota. Every token
gets a new key. The keys are not printed, but go to a file for you alone, with the columns old_id, old_name, new_id,
new_name and new_key; a text there that a spreadsheet would take for a formula has a ' before it. Tokens that are expired or deleted
are skipped.

All rows are checked before the first is sent. If the import is cut short, by whatever, run the same command again: it
goes on where it was, and nothing is made twice. Until it is through, FILE.keys.csv.journal remembers how far it is.

Example:

    tokenctl token import tokens.json --dry-run
    tokenctl token import tokens.json`
}

// An importing is an import that is under way.
type importing struct {
	*tokenImportCmd
	out     *console
	file    export.File
	counts  importCounts
	session *session
}

type importCounts struct {
	Dialect  string `json:"dialect"`
	DryRun   bool   `json:"dry_run"`
	Rows     int    `json:"rows"`
	Imported int    `json:"imported"`         // or would be
	Before   int    `json:"before,omitempty"` // of them by an earlier run
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
		return problemf("--units-per-dollar must be a number above 0")
	}
	file, err := export.Read(content, export.Options{Format: c.Format, UnitsPerDollar: c.UnitsPerDollar, Now: time.Now().Unix()})
	if err != nil {
		return problemf("%s can't be imported: %s", c.File, err)
	}
	if c.Keys == "" {
		c.Keys = c.File + ".keys.csv"
	}
	im := &importing{tokenImportCmd: c, out: out, file: file}
	im.review()
	switch {
	case im.counts.Bad > 0 && !c.SkipBad:
		return problemf("%d of %d rows can't be imported, so nothing was: mend them, or leave them out with --skip-bad", im.counts.Bad, im.counts.Rows)
	case c.DryRun:
		return im.conclude()
	}
	if im.session, err = c.open(); err != nil {
		return err
	}
	return im.run(ctx, sha256.Sum256(fmt.Appendf(nil, "%d\n%s", c.UnitsPerDollar, content)))
}

func readFile(name string) (content []byte, err error) {
	const most = 64 << 20      // bytes; some 100,000 tokens
	file, err := os.Open(name) //nolint:gosec // the user names it
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(file, most+1)) // it may be a pipe, or a device without end
		err = errors.Join(err, file.Close())
	}
	switch {
	case err != nil:
		return nil, problemf("%s can't be read (%s): give the path of an export", name, reason(err))
	case len(content) > most:
		return nil, problemf("%s is larger than %d MiB: split it", name, most>>20)
	}
	return content, nil
}

// review counts the rows, and tells on stderr what is to be told of them. No
// value of a file is shown, for it may be a key.
func (im *importing) review() {
	n := &im.counts
	n.Dialect, n.DryRun, n.Rows = im.file.Dialect, im.DryRun, len(im.file.Rows)
	for _, warning := range im.file.Warnings {
		im.out.note("note: " + warning + ".")
	}
	for _, row := range im.file.Rows {
		for _, warning := range row.Warnings {
			im.tell(row, "note: "+warning)
		}
		switch {
		case row.Skip != "":
			n.Skipped++
			im.tell(row, "skipped: "+row.Skip)
		case row.Problem != "":
			n.Bad++
			im.tell(row, row.Problem)
		default:
			n.Imported++
		}
	}
}

func (im *importing) tell(row export.Row, what string) {
	im.out.note(fmt.Sprintf("row %d: %s.", row.Number, what))
}

func (im *importing) run(ctx context.Context, source [sha256.Size]byte) error {
	bar := im.out.progress(im.counts.Imported, "importing")
	defer bar.Close() //nolint:errcheck // a bar
	work := journal.Import{
		KeysFile: im.Keys, Source: fmt.Sprintf("%x", source), URL: im.session.url, UserID: im.session.userID,
		Rows: im.file.Rows, Batch: token.MaxBatch, Resend: im.Resend,
		Create: func(ctx context.Context, key string, in []wire.TokenInput) ([]wire.Token, error) {
			return im.session.createPatiently(ctx, in, client.IdempotencyKey(key))
		},
		Undone:   undone,
		Now:      time.Now,
		Progress: func(rows int) { _ = bar.Add(rows) },
	}
	sum, err := work.Run(ctx)
	_ = bar.Clear()
	if err != nil {
		return im.explain(sum, err)
	}
	for _, row := range sum.Expired {
		im.tell(row, "skipped: it expired while it waited")
	}
	im.counts.Skipped += len(sum.Expired)
	im.counts.Imported, im.counts.Before, im.counts.KeysFile = sum.Before+sum.Now, sum.Before, im.Keys
	return im.conclude()
}

// undone: these refusals come after the API has looked for the answer that it
// keeps for a request, so there was none, or whenever the same body comes. One
// for want of a valid access token comes before that.
func undone(err error) bool {
	return slices.ContainsFunc([]wire.Code{
		wire.ErrInvalidParameter, wire.ErrTokenLimit, wire.ErrBodyTooLarge, wire.ErrInvalidJSON, wire.ErrUnknownField, wire.ErrUnsupportedMedia,
	}, func(code wire.Code) bool { return errors.Is(err, code) })
}

func (im *importing) conclude() error {
	n := im.counts
	if im.JSON {
		return im.out.printJSON(n)
	}
	left := fmt.Sprintf(" Skipped: %d. Left out as bad: %d.", n.Skipped, n.Bad)
	if im.DryRun {
		return im.out.print(fmt.Sprintf("%d of %d tokens of %s, an export of %s, would be imported.%s\n", n.Imported, n.Rows, im.File, n.Dialect, left))
	}
	before := ""
	if n.Before > 0 {
		before = fmt.Sprintf(", %d of them before", n.Before)
	}
	return im.out.print(fmt.Sprintf("%d tokens are imported%s.%s\nTheir new keys are in %s, which you alone can read.\n", n.Imported, before, left, n.KeysFile))
}

// explain tells why an import has not come to its end, and how it can.
func (im *importing) explain(sum journal.Summary, err error) error {
	var stale *journal.StaleError
	var pathError *os.PathError
	switch {
	case errors.Is(err, journal.ErrExists):
		return problemf("%s exists, so this may have been imported: move it away, or give --keys another name, to import it once more", im.Keys)
	case errors.Is(err, journal.ErrRunning):
		return problemf("another `tokenctl token import` writes to %s: let it end", im.Keys)
	case errors.Is(err, journal.ErrChanged):
		return problemf("the import into %s was begun with another content of %s, another --units-per-dollar, or another API or user: go on with those, or begin a new import with --keys OTHER", im.Keys, im.File)
	case errors.Is(err, journal.ErrGone):
		return problemf("%s is gone, and keys were written to it: put it back, or, to make other tokens, delete those, remove %s, and begin again", im.Keys, journal.Path(im.Keys))
	case errors.Is(err, journal.ErrEdited):
		return problemf("%s or %s is not as this import has left it: put it back as it was, or, to make other tokens, delete those that it made, move both away, and begin again", im.Keys, journal.Path(im.Keys))
	case errors.As(err, &stale):
		first, last := stale.Rows[0], stale.Rows[len(stale.Rows)-1]
		return problemf("rows %d to %d were sent at %s, and nobody knows any more whether they were made: look with `tokenctl token list --keyword NAME` for those named %q to %q and made then, delete them, and run this again with --resend",
			first.Number, last.Number, timestamp(stale.Sent.Unix()), first.OldName, last.OldName)
	case errors.Is(err, wire.ErrTokenLimit):
		return im.unfinished(sum, full)
	case errors.Is(err, wire.ErrIdempotencyMismatch):
		return im.unfinished(sum, "the last batch was sent with another access token of yours: log in with that one, within a day")
	case errors.Is(err, context.Canceled):
		return im.unfinished(sum, "interrupted")
	case errors.As(err, &pathError):
		return im.unfinished(sum, fmt.Sprintf("%s can't be used (%s)", pathError.Path, reason(err)))
	default:
		return im.unfinished(sum, sentence(im.session.explain(err)))
	}
}

func (im *importing) unfinished(sum journal.Summary, why string) error {
	if sum.Before+sum.Now == 0 {
		return problemf("%s; nothing was imported that is known of, and the same command goes on and makes nothing twice", why)
	}
	return problemf("%s; %d of %d tokens are imported, their keys are in %s, and the same command goes on from there and makes nothing twice", why, sum.Before+sum.Now, im.counts.Imported, im.Keys)
}
