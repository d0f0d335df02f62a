package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/journal"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

type tokenImportCmd struct {
	exportFlags
	Keys   string `placeholder:"FILE" help:"File for the new keys (default FILE.keys.csv)."`
	Resend bool   `help:"Send a batch again whose result has been unknown for more than a day; first delete the tokens that it created."`
	remote
}

// Help implements kong.HelpProvider.
func (*tokenImportCmd) Help() string {
	return `It reads exports of New API, One API, One Hub, LiteLLM, Unkey, API Gateway and Latchkey: the settings and the remaining
quota. Expired and deleted tokens are skipped. Every token gets a new key. The keys are not printed but written to a file that only you can
read, with the columns old_id, old_name, new_id, new_name and new_key. A text that a spreadsheet would read as a formula
gets a ' in front.

No token is allowed more than in the other system: a restriction without an equivalent is an error of its row, and columns
that Latchkey does not know are listed with some of their values. If such a column does not matter, or you take care of it
yourself, name it with --ignore-column.

All rows are checked before the first is sent. The exit code is 0 if all rows were imported, 3 if some were, and 1 if none
was. If the import is interrupted, run the same command again: it continues
and creates no token twice. Until the import is complete, FILE.keys.csv.journal records its progress.

Do not import a file with both commands: "tokenctl import --keep-keys" does not find these tokens, and grants every quota again.

Example:

    tokenctl token import tokens.json --dry-run
    tokenctl token import tokens.json`
}

// An importing is an import in progress.
type importing struct {
	*reading
	cmd     *tokenImportCmd
	session *session
}

// Run implements the command.
func (c *tokenImportCmd) Run(ctx context.Context, out *console) error {
	if isURL(c.File) {
		return problemf("`tokenctl token import` reads files: save the answers of the API in one, or keep the keys with `tokenctl import URL --keep-keys`")
	}
	read, content, err := c.read(ctx, out, false)
	if err != nil {
		return err
	}
	read.json = c.JSON
	if c.DryRun {
		return read.conclude()
	}
	if c.Keys == "" {
		c.Keys = c.File + ".keys.csv"
	}
	im := &importing{reading: read, cmd: c}
	if im.session, err = c.open(); err != nil {
		return err
	}
	return im.run(ctx, sha256.Sum256(fmt.Appendf(nil, "%d\n%s", c.UnitsPerDollar, content)))
}

// run sends the rows to the API. source identifies the content of the file.
func (im *importing) run(ctx context.Context, source [sha256.Size]byte) error {
	bar := im.out.progress(im.counts.Imported, "importing")
	defer bar.Close() //nolint:errcheck // only affects the display
	work := journal.Import{
		KeysFile: im.cmd.Keys, Source: fmt.Sprintf("%x", source), URL: im.session.url, UserID: im.session.userID,
		Rows: im.file.Rows, Batch: token.MaxBatch, Resend: im.cmd.Resend,
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
	var notes rowNotes
	for _, row := range sum.Expired {
		notes.add(row, "skipped: it expired during the import")
	}
	notes.print(im.out)
	im.counts.Skipped += len(sum.Expired)
	im.counts.Imported, im.counts.Before, im.counts.KeysFile = sum.Before+sum.Now, sum.Before, im.cmd.Keys
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

// explain turns an error of an import into a problem that says how to continue.
func (im *importing) explain(sum journal.Summary, err error) error {
	if p, ok := im.refusal(sum, err); ok {
		return p
	}
	var stale *journal.StaleError
	var pathError *os.PathError
	switch {
	case errors.Is(err, journal.ErrExists):
		return problemf("%s exists, so the file may have been imported already: to import it again, move the keys file away or set --keys to another name", im.cmd.Keys)
	case errors.Is(err, journal.ErrRunning):
		return problemf("another `tokenctl token import` is writing to %s: wait until it ends", im.cmd.Keys)
	case errors.Is(err, journal.ErrChanged):
		return problemf("the import into %s began with different content of %s, another --units-per-dollar, another API or another user: continue with those, or start a new import with --keys OTHER", im.cmd.Keys, im.File)
	case errors.Is(err, journal.ErrGone):
		return problemf("%s is missing although keys were written to it: restore it, or delete the tokens created so far, remove %s and start again", im.cmd.Keys, journal.Path(im.cmd.Keys))
	case errors.Is(err, journal.ErrEdited):
		return problemf("%s or %s has changed since this import wrote it: restore it, or delete the tokens created so far, move both files away and start again", im.cmd.Keys, journal.Path(im.cmd.Keys))
	case errors.As(err, &stale):
		first, last := stale.Rows[0], stale.Rows[len(stale.Rows)-1]
		return problemf("%s to %s were sent at %s, and it is no longer possible to find out whether they were created: with `tokenctl token list --keyword NAME` look for tokens named %q to %q that were created then, delete them, and run the command again with --resend",
			first.Place(), last.Place(), timestamp(stale.Sent.Unix()), first.OldName, last.OldName)
	case errors.Is(err, wire.ErrTokenLimit):
		return im.unfinished(sum, limitReached, "")
	case errors.Is(err, wire.ErrIdempotencyMismatch):
		return im.unfinished(sum, "the last batch was sent with another of your access tokens: log in with that one within a day", atLeast)
	case errors.Is(err, context.Canceled):
		return im.unfinished(sum, "interrupted", atLeast)
	case errors.As(err, &pathError) && sum.Before+sum.Now == 0 && isMissing(journal.Path(im.cmd.Keys)): // so nothing was sent
		return problemf("%s can't be written (%s), so nothing was imported: set --keys to a file in a folder that you can write to", pathError.Path, reason(err))
	case errors.As(err, &pathError):
		return im.unfinished(sum, fmt.Sprintf("%s is not usable (%s)", pathError.Path, reason(err)), atLeast)
	default:
		return im.unfinished(sum, sentence(im.session.explain(err)), atLeast)
	}
}

// isMissing reports whether there is no file with a name.
func isMissing(name string) bool {
	_, err := os.Stat(name)
	return err != nil && !errors.Is(err, fs.ErrPermission)
}

// atLeast begins a number of tokens if a last batch may have been created, too.
const atLeast = "at least "

// unfinished adds to a reason what was imported and how to continue. least is atLeast or
// empty.
func (im *importing) unfinished(sum journal.Summary, why, least string) error {
	if sum.Before+sum.Now == 0 {
		return problemf("%s; no import was confirmed; run the same command again: it creates no token twice", why)
	}
	return &partialError{problemf("%s; %s%d of %d tokens were imported and their keys are in %s; run the same command again: it continues there and creates no token twice", why, least, sum.Before+sum.Now, im.counts.Imported, im.cmd.Keys)}
}
