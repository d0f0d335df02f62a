package main

import (
	"context"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// An earlier is the IDs of tokens, by the name of their user, that earlier runs of an
// import created.
type earlier map[string]map[int64]bool

func (e earlier) add(user string, id int64) {
	if e[user] == nil {
		e[user] = map[int64]bool{}
	}
	e[user][id] = true
}

// rotated returns how many of the tokens refuse the key of the import, because they
// were rotated and the grace period is over.
func (e earlier) rotated(ctx context.Context, db *database) (int, error) {
	n, now := 0, time.Now().Unix()
	for user, ids := range e {
		err := db.accounts().EachToken(ctx, user, func(t token.Token) error {
			if ids[t.ID] && !t.AcceptsKey(t.ForeignHash, now) {
				n++
			}
			return nil
		})
		if err != nil {
			return 0, db.explain(err, user)
		}
	}
	return n, nil
}
