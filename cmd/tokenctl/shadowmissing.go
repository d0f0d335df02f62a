package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// rotatedKeys are the hashes of keys that tokens had before they were rotated. They
// are read for a user when a key of that user is not found.
type rotatedKeys struct {
	users  map[int64]string // names; nil before the first is needed
	read   map[int64]bool
	hashes map[[32]byte]bool
}

// learn reads which of the keys that were not found belong to rotated tokens.
func (r *rotatedKeys) learn(ctx context.Context, db *database, found map[[32]byte]gate.KnownKey) error {
	var missing [][32]byte
	for hash, k := range found {
		if k.ID == 0 {
			missing = append(missing, hash)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	at, err := db.store().TokensOfForeignKeys(ctx, missing)
	if err != nil {
		return err
	}
	for _, a := range at {
		if a.UserID == 0 || r.read[a.UserID] {
			continue
		}
		if err := r.readUser(ctx, db, a.UserID); err != nil {
			return err
		}
	}
	return nil
}

// readUser reads the rotated tokens of a user.
func (r *rotatedKeys) readUser(ctx context.Context, db *database, id int64) error {
	if r.users == nil {
		names, err := db.userNames(ctx)
		if err != nil {
			return err
		}
		r.users, r.read, r.hashes = names, map[int64]bool{}, map[[32]byte]bool{}
	}
	r.read[id] = true
	name, exists := r.users[id]
	if !exists {
		return nil
	}
	now := time.Now().Unix()
	return db.accounts().EachToken(ctx, name, func(t token.Token) error {
		if t.ForeignHash != ([32]byte{}) && !t.AcceptsKey(t.ForeignHash, now) {
			r.hashes[t.ForeignHash] = true
		}
		return nil
	})
}

// userNames returns the names of the users by their IDs.
func (d *database) userNames(ctx context.Context) (map[int64]string, error) {
	users, err := d.store().Users(ctx)
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	for _, u := range users {
		if !u.Deleting {
			names[u.ID] = u.Name
		}
	}
	return names, nil
}

// The answers about a key that no token accepts.
const (
	notFound    = "not_found"
	rotatedHere = notFound + " (rotated)"
)

// isMissing reports whether the table does not have the key of a difference.
func (s *shadow) isMissing(d difference) bool {
	return s.Foreign && d.Kind == stricter && d.What == "status" && d.Here == notFound
}

// missing returns the differences of keys that the table does not have.
func (s *shadow) missing() []difference {
	var all []difference
	for _, d := range s.Differences {
		if s.isMissing(d) {
			all = append(all, d)
		}
	}
	return all
}

// missingText says in one line which of several keys the table does not have.
func (s *shadow) missingText(all []difference) string {
	const most = 5
	var places []string
	for i, d := range all {
		if i == most {
			places = append(places, "…")
			break
		}
		places = append(places, export.Row{Number: d.Row, Line: min(d.Line, d.Row)}.Place())
	}
	return fmt.Sprintf("stricter: %d keys are not in the table %s: check TABLE_NAME, or import them: %s\n", len(all), s.db.table, strings.Join(places, ", "))
}

// advice says what to do about differences.
func (s *shadow) advice() string {
	if !s.Foreign {
		return "keys of other systems are refused where FOREIGN_KEYS is not true, so turn it on"
	}
	text := "change the tokens here or there"
	if n := len(s.missing()); n > 0 {
		text += ", or import the missing ones"
	}
	text += ", and compare again"
	for _, d := range s.Differences {
		if d.Here == rotatedHere {
			return text + "; a token that was rotated here has a new key, which its clients need"
		}
	}
	return text
}

// brief returns what is wrong, without what to do about it.
func brief(problem string) string {
	text, _, _ := strings.Cut(problem, ": ")
	text, _, _ = strings.Cut(text, "; ")
	const longest = 100
	if letters := []rune(text); len(letters) > longest {
		return string(letters[:longest]) + "…"
	}
	return text
}

// notes returns each problem of rows that brief has shortened, once.
func (s *shadow) notes() []string {
	counts := map[string]int{}
	var order, notes []string
	for _, d := range s.Differences {
		if d.problem == "" || d.problem == brief(d.problem) {
			continue
		}
		if counts[d.problem]++; counts[d.problem] == 1 {
			order = append(order, d.problem)
		}
	}
	for _, p := range order {
		notes = append(notes, fmt.Sprintf("warning: %s can't be imported with these flags: %s.", counted(counts[p], "row"), p))
	}
	return notes
}
