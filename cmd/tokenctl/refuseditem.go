package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/journal"
)

// refusedItem splits a message of the API about one token of a batch. index is
// the token's place in the batch, from 0.
func refusedItem(message string) (index int, rest string, ok bool) {
	found := regexp.MustCompile(`^(?:[Ii]n )?tokens\[(\d+)\](?:\.|: )(.*)$`).FindStringSubmatch(message)
	if found == nil {
		return 0, "", false
	}
	index, err := strconv.Atoi(found[1])
	return index, found[2], err == nil
}

// refusal returns the problem of an import if the API has refused one of its rows.
// The problem names the row and its token.
func (im *importing) refusal(sum journal.Summary, err error) (error, bool) {
	var batch *journal.BatchError
	if !errors.As(err, &batch) || !refused(err) {
		return nil, false
	}
	at, why, ok := refusedItem(sentence(im.session.explain(err)))
	if !ok || at >= len(batch.Rows) {
		return nil, false
	}
	row, first := batch.Rows[at], batch.Rows[0].Place()
	where := fmt.Sprintf("%s, token %q: %s", row.Place(), row.OldName, why)
	if sum.Before+sum.Now == 0 {
		return problemf("%s; nothing was imported: correct the row and run the same command again", where), true
	}
	return &partialError{problemf("%s; %d of %d tokens were imported and their keys are in %s, but none from %s on: correct those rows in another file and import that, or run the same command again once the operator allows the row",
		where, sum.Before+sum.Now, im.counts.Imported, im.cmd.Keys, first)}, true
}
