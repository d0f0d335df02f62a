package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

type importCmd struct {
	exportFlags
	fromFlags
	KeepKeys bool   `help:"Keep the keys of the tokens; required."`
	User     string `required:"" xor:"owner" placeholder:"NAME" help:"The user who will have the tokens; this or --users."`
	Users    string `required:"" xor:"owner" placeholder:"FILE" help:"Who will have the tokens of whom: CSV with the header source,user, or JSON such as {\"3\":\"alice\"}."`
	access
}

// Help implements kong.HelpProvider.
func (*importCmd) Help() string {
	return `It reads the exports that "tokenctl token import" reads, if they contain the keys or their SHA-256 hashes, and writes the
tokens into the DynamoDB table. Their clients continue to use the keys that they have, if FOREIGN_KEYS is true where
keys are checked; locally, with "tokenctl serve --foreign-keys". Only the hash of a key is stored.

The settings, the remaining quota and the used quota are kept. No token is allowed more than in the other system; see
"tokenctl token import --help" about errors and --ignore-column.

The SQLite database of New API and One API is read as it is. With a URL and --from, the tokens are read from the API of
New API, One API or LiteLLM. The access token for that is in SOURCE_ACCESS_TOKEN, or is asked for or read from stdin. All
tokens are read before the first is imported.

Do not import a file with both commands: "tokenctl token import" does not find these tokens, and grants every quota again.

With --users, each token goes to the user that the file names for its owner in the other system. An owner that the file
does not name is an error of the row. docs/migrate.md says which column has the owner.

All rows, the users and the numbers of tokens that they may have are checked before the first row is written. A dry run
checks the users only with DYNAMODB_ENDPOINT or TABLE_NAME, or their flags. The exit code is 0 if all rows were imported, 3 if some were, and 1 if none
was. If the import is interrupted, run the same command again: it creates no token twice. It does not change tokens
that it finds, and it creates tokens again that were deleted meanwhile.

Example:

    tokenctl import tokens.json --keep-keys --user alice --dry-run
    tokenctl import tokens.json --keep-keys --user alice
    tokenctl import one-api.db --keep-keys --users users.csv
    tokenctl import https://old.example.com --from newapi --from-user 1 --keep-keys --user alice`
}

// Run implements the command.
func (c *importCmd) Run(ctx context.Context, out *console) error {
	if !c.KeepKeys {
		return problemf("`tokenctl import` needs --keep-keys: add it to keep the keys, or use `tokenctl token import`, which gives every token a new key")
	}
	in, err := c.load(ctx, out, c.File)
	if err != nil {
		return err
	}
	users, err := readUsers(c.Users)
	if err != nil {
		return err
	}
	r, err := c.check(out, in, export.Options{KeepKeys: true, Users: users})
	if err != nil {
		return err
	}
	r.json = c.JSON
	batches, err := r.batches(c.User)
	if err != nil {
		return err
	}
	if c.DryRun && !c.namesTable() {
		out.note("The users and their limits were not checked: set DYNAMODB_ENDPOINT or TABLE_NAME to check them, too.")
		return r.conclude()
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err == nil {
		err = checkUsers(ctx, db, batches)
	}
	if err != nil {
		return err
	}
	r.recipients = recipients(db, batches)
	if c.DryRun {
		return r.conclude()
	}
	return r.write(ctx, batches, db)
}

// write imports the rows, a few in each transaction.
func (r *reading) write(ctx context.Context, batches []batch, db *database) error {
	for _, b := range batches {
		r.importable += len(b.rows)
	}
	bar := r.out.progress(r.importable, "importing")
	defer bar.Close() //nolint:errcheck // only affects the display
	r.counts.Imported = 0
	before := earlier{}
	for _, b := range batches {
		made, err := importBatch(ctx, db.accounts(), b.user, b.rows)
		if err != nil {
			_ = bar.Clear()
			return r.explainKept(ctx, db, b.user, b.rows, err)
		}
		for _, t := range made {
			if r.counts.Imported++; t.Version == 0 {
				r.counts.Before++
				before.add(b.user, t.ID)
			}
		}
		_ = bar.Add(len(b.rows))
	}
	_ = bar.Clear()
	var err error
	if r.counts.Rotated, err = before.rotated(ctx, db); err != nil {
		return err
	}
	return r.conclude()
}

// importBatch imports rows, and tries again for a while if DynamoDB is overloaded or
// others create tokens of the user at the same time.
func importBatch(ctx context.Context, users *token.UserService, name string, rows []export.Row) (made []token.Token, err error) {
	tokens := make([]token.ForeignToken, len(rows))
	for i, row := range rows {
		tokens[i] = row.Foreign()
	}
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		made, err = users.ImportTokens(ctx, name, tokens)
		if !isPassing(err) || wait > 10*time.Second || ctx.Err() != nil {
			return made, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// isPassing reports whether an import may work a moment later. A key that another
// import has just taken has an owner then.
func isPassing(err error) bool {
	var at *token.IndexError
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return false // probably the endpoint is wrong
	}
	return errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrContention) || errors.Is(err, token.ErrKeyTaken) && !errors.As(err, &at)
}

// explainKept turns an error of an import that keeps keys into a problem that says
// how to continue.
func (r *reading) explainKept(ctx context.Context, db *database, name string, batch []export.Row, err error) error {
	var at *token.IndexError
	var why, least string
	again := "run the same command again"
	switch {
	case errors.As(err, &at) && errors.Is(err, token.ErrKeyTaken):
		row := batch[at.Index]
		why = row.Place() + ": " + db.holder(ctx, row) + " has its key"
		again = "check which user it is for, remove the row, or delete that token, and " + again
	case errors.As(err, &at):
		why, again = fmt.Sprintf("%s: %s", batch[at.Index].Place(), sentence(at.Err)), "correct the row and "+again
	case errors.Is(err, token.ErrTokenLimit):
		why = fmt.Sprintf("user %s would have more tokens than it may: raise that with `tokenctl user limit %s --max-tokens N`", name, name)
	case errors.Is(err, token.ErrKeysStopped):
		why = fmt.Sprintf("the keys of user %s are stopped: end that with `tokenctl user enable %s`", name, name)
	case errors.Is(err, context.Canceled):
		why, least = "interrupted", atLeast // the last transaction may have been written
	default:
		explained := db.explain(err, name)
		if r.counts.Imported == 0 {
			return explained
		}
		why, least = sentence(explained), atLeast
	}
	switch {
	case r.counts.Imported > 0:
		return &partialError{problemf("%s; %s%d of %d tokens were imported; %s: it continues there and creates no token twice", why, least, r.counts.Imported, r.importable, again)}
	case at != nil:
		return problemf("%s; nothing was imported: %s", why, again)
	default:
		return problemf("%s; no import was confirmed; %s: it creates no token twice", why, again)
	}
}
