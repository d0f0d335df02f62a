package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

// namesTable reports whether the user has said where the table is. Only then does a
// dry run use it.
func (l location) namesTable() bool {
	return l.Endpoint != "" || os.Getenv("TABLE_NAME") != "" || l.Table != defaultTable
}

// in returns where the table is, as a part of a sentence.
func (d *database) in() string { return "in table " + d.table + " " + d.at() }

// checkUsers returns a problem if users of an import do not exist, or would have more
// tokens than they may.
func checkUsers(ctx context.Context, db *database, batches []batch) error {
	rows := map[string][]export.Row{}
	var names []string
	for _, b := range batches {
		if !slices.Contains(names, b.user) {
			names = append(names, b.user)
		}
		rows[b.user] = append(rows[b.user], b.rows...)
	}
	users, err := findUsers(ctx, db, names)
	if err != nil {
		return err
	}
	var over, commands []string
	for _, u := range users {
		n, err := tokensAfter(ctx, db, u, rows[u.Name])
		if err != nil {
			return db.explainCheck(err, u.Name)
		}
		if most := u.Limits.MaxTokens; most > 0 && n > most {
			over = append(over, fmt.Sprintf("user %s would have %d tokens, and may have %d", u.Name, n, most))
			commands = append(commands, fmt.Sprintf("`tokenctl user limit %s --max-tokens %d`", u.Name, n))
		}
	}
	if len(over) > 0 {
		return problemf("%s, so nothing was imported: run %s and then the same command again", strings.Join(over, "; "), strings.Join(commands, ", "))
	}
	return nil
}

// explainCheck is explain before anything is written.
func (d *database) explainCheck(err error, user string) error {
	if errors.Is(err, context.Canceled) {
		return problemf("interrupted: nothing was imported")
	}
	return d.explain(err, user)
}

// findUsers returns users by their names, or a problem that names all that do not
// exist.
func findUsers(ctx context.Context, db *database, names []string) ([]token.User, error) {
	if len(names) == 1 {
		u, err := db.store().FindUser(ctx, names[0])
		return []token.User{u}, db.explainCheck(err, names[0])
	}
	all, err := db.accounts().List(ctx)
	if err != nil {
		return nil, db.explainCheck(err, "")
	}
	var users []token.User
	var missing []string
	for _, name := range names {
		if i := slices.IndexFunc(all, func(u token.User) bool { return u.Name == name }); i >= 0 {
			users = append(users, all[i])
		} else {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, problemf("these users do not exist %s, so nothing was imported: %s: create them with `tokenctl user create NAME`, or check --table", db.in(), strings.Join(missing, ", "))
	}
	return users, nil
}

// tokensAfter returns how many tokens a user has after an import of rows, some of which
// may have been imported before.
func tokensAfter(ctx context.Context, db *database, u token.User, rows []export.Row) (int64, error) {
	n := u.TokenCount() + int64(len(rows))
	if u.Limits.MaxTokens == 0 || n <= u.Limits.MaxTokens {
		return n, nil
	}
	hashes := make([][32]byte, len(rows))
	for i, row := range rows {
		hashes[i] = row.Key.Hash
	}
	there, err := db.store().TokensOfForeignKeys(ctx, hashes)
	for _, at := range there {
		if at.UserID == u.ID {
			n--
		}
	}
	return n, err
}

// holder returns which token has the key of a row, for a message.
func (d *database) holder(ctx context.Context, row export.Row) string {
	const unknown = "a token of another user"
	at, err := d.store().TokensOfForeignKeys(ctx, [][32]byte{row.Key.Hash})
	if err != nil || at[0].UserID == 0 {
		return unknown
	}
	names, err := d.userNames(ctx)
	name, exists := names[at[0].UserID]
	if err != nil || !exists {
		return unknown
	}
	return fmt.Sprintf("token %d of user %s", at[0].ID, name)
}

// recipients returns who gets the tokens and where, for the result.
func recipients(db *database, batches []batch) string {
	var names []string
	for _, b := range batches {
		if !slices.Contains(names, b.user) {
			names = append(names, b.user)
		}
	}
	if len(names) == 1 {
		return fmt.Sprintf(" for user %s %s", names[0], db.in())
	}
	return fmt.Sprintf(" for %d users %s", len(names), db.in())
}
