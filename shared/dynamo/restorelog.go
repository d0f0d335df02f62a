package dynamo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A LoggedChange is what the log says about a token after a backup. Several apply
// to the same token.
type LoggedChange struct {
	Deleted bool
	Rotated bool
	Updated bool // in a way that the log does not say
}

// A LogRestore makes a restored table narrower by what a log says. It is for the
// case that the live table is gone; the log has no values, so it can't be as exact
// as a Restore.
type LogRestore struct {
	Changes        map[token.Address]LoggedChange
	DisableUnknown bool // disable the tokens that were updated
	Now            int64
	DryRun         bool
}

// A LogReport says which tokens of a restored table a LogRestore has changed, or
// with DryRun would change. Each is by user and id.
type LogReport struct {
	Deleted, Rotated, Disabled []token.Address
	Unknown                    []token.Address // updated, and left as they are
	Missing                    int64           // not in the table: they were created since, or are removed already
}

// RestoreFromLog applies a LogRestore to the store's table. It can be repeated. A
// token that was rotated has no key that works, until its user rotates it again.
func (s *Store) RestoreFromLog(ctx context.Context, r LogRestore) (LogReport, error) {
	var report LogReport
	run := &restoration{Restore: Restore{Now: r.Now, DryRun: r.DryRun}, to: s}
	addresses := make([]token.Address, 0, len(r.Changes))
	for at := range r.Changes {
		addresses = append(addresses, at)
	}
	slices.SortFunc(addresses, compareAddresses)
	for batch := range slices.Chunk(addresses, maxBatchKeys) {
		keys := make([]item, len(batch))
		for i, at := range batch {
			keys[i] = tokenKey(at.UserID, at.ID)
		}
		found, err := s.batchGet(ctx, keys...)
		if err != nil {
			return report, &TableError{s.table, err}
		}
		for i, at := range batch {
			if found[i] == nil || revoked(found[i]) {
				report.Missing++
				continue
			}
			if err := run.logged(ctx, r, found[i], at, &report); err != nil {
				return report, err
			}
		}
	}
	if r.DryRun {
		return report, nil
	}
	users := map[int64]bool{}
	for _, at := range addresses {
		users[at.UserID] = true
	}
	for id := range users {
		if _, err := s.Reconcile(ctx, id, r.Now, false); err != nil && !errors.Is(err, token.ErrUserNotFound) {
			return report, &TableError{s.table, err}
		}
	}
	return report, nil
}

func compareAddresses(a, b token.Address) int {
	if a.UserID != b.UserID {
		return int(min(1, max(-1, a.UserID-b.UserID)))
	}
	return int(min(1, max(-1, a.ID-b.ID)))
}

// logged applies to one token what the log says about it.
func (r *restoration) logged(ctx context.Context, of LogRestore, found item, at token.Address, report *LogReport) error {
	change := of.Changes[at]
	if change.Deleted {
		report.Deleted = append(report.Deleted, at)
		l, err := readLedger(found, at.UserID)
		if err != nil {
			return &TableError{r.to.table, err}
		}
		return r.kill(ctx, l)
	}
	e := newExpression()
	e.require(e.name(attrHash).exists())
	if change.Rotated && !lostKey(found, at) {
		report.Rotated = append(report.Rotated, at)
		e.set(attrHash, binary(noKey(at)))
		for _, attr := range []string{attrPrevious, attrPreviousMask, attrPreviousUntil, attrPreviousHolds, attrLeaked, attrSealed, attrSealedUntil} {
			e.set(attr, nil)
		}
	}
	if change.Updated && of.DisableUnknown {
		report.Disabled = append(report.Disabled, at)
		e.set(attrDisabled, optionalFlag(true))
	} else if change.Updated {
		report.Unknown = append(report.Unknown, at)
	}
	if r.DryRun || len(e.sets) == 0 {
		return nil
	}
	e.set(attrNote, operatorOf(ctx).note(history.TokenRestored))
	e.add(attrVersion, 1)
	e.add(attrRevision, 1)
	if _, _, err := r.to.update(ctx, tokenKey(at.UserID, at.ID), e, retryStop()); err != nil {
		return &TableError{r.to.table, err}
	}
	return nil
}

// lostKey reports whether the token has lost its keys before, also if it was rotated
// since.
func lostKey(found item, at token.Address) bool {
	r := reader{item: found}
	lost := [32]byte(noKey(at))
	return r.hash(attrHash) == lost || r.hash(attrPrevious) == lost
}

// noKey is a hash that no key has, so that the token can be rotated.
func noKey(at token.Address) []byte {
	sum := sha256.Sum256([]byte(fmt.Sprintf("no key of token %d/%d", at.UserID, at.ID)))
	return sum[:]
}
