package dynamo

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Delete implements token.Store. It reads the token together with META. Then one
// transaction removes and counts it, if it is still as it was read. If that fails, for
// example because the token is being charged at this moment, Delete takes two steps, of
// which the first waits for no other item: one write revokes the token, which removes
// the hash, so that the keys are refused from then on; then a transaction removes and
// counts it. If the second step does not happen, the next delete or list that finds the
// revoked token makes up for it.
func (s *Store) Delete(ctx context.Context, c token.Caller, id int64, versions token.Versions) error {
	found, by, err := s.readToDelete(ctx, c, id)
	switch {
	case err != nil:
		return err
	case found == nil:
		return token.ErrNotFound
	}
	uncertain := false
	// An item that can't be read can be revoked nevertheless.
	if t, err := readToken(found, c.UserID); err == nil && !revoked(found) {
		if !versions.Allow(t.Version) {
			return token.ErrVersionMismatch
		}
		if s.removeAtOnce(ctx, c, t, found, by, &uncertain) {
			return nil
		}
	}
	found, mine, err := s.revoke(ctx, c, id, versions, by, &uncertain)
	if err != nil {
		return err
	}
	return s.finishDelete(ctx, c.UserID, id, found, mine)
}

// readToDelete authorizes the caller to make one change, and returns the token's item.
func (s *Store) readToDelete(ctx context.Context, c token.Caller, id int64) (found item, by changer, err error) {
	items, err := s.batchGet(ctx, userKey(c.UserID), tokenKey(c.UserID, id))
	if err != nil {
		return nil, nil, fmt.Errorf("read token %d/%d: %w", c.UserID, id, err)
	}
	u, _, err := authorizeUser(items[0], c)
	if err != nil {
		return nil, nil, err
	}
	return items[1], changerOf(ctx, c, u), s.admitChanges(ctx, c, u, 1)
}

// removeAtOnce removes a token in one transaction, if its settings and what it has of
// the wallet are as in known. META has the note, for which the token has no place any
// more. It is false if nothing was removed, or, with uncertain, if nobody knows.
func (s *Store) removeAtOnce(ctx context.Context, c token.Caller, t token.Token, known item, by changer, uncertain *bool) bool {
	own := newExpression()
	own.require(own.name(attrHash).exists())
	requireSame(own, attrVersion, known[attrVersion]) // else the note would have another name
	requireSame(own, attrWallet, known[attrWallet])
	if t.Block.Count != 0 {
		requireSame(own, attrRevision, known[attrRevision]) // else other units are free
	}
	note := by.with(item{noteDeletedID: number(t.ID), noteDeletedName: optionalText(credential.Redact(t.Name))}).note(history.TokenDeleted)
	policy := retryIdempotent()
	policy.maxAttempts, policy.afterConflict, policy.uncertain = maxAttempts, false, uncertain
	_, err := s.transactWith(ctx, policy, s.removeWrites(t, own, note, c.Now/1_000_000)...)
	return err == nil
}

// DeleteAll implements token.Store. It revokes tokens in parallel. It removes
// them one after the other, because each removal writes META.
func (s *Store) DeleteAll(ctx context.Context, c token.Caller, ids []int64, plan token.BatchPlan) ([]error, error) {
	by, err := s.authorizeChanges(ctx, c, int64(len(ids)))
	if err != nil {
		return nil, err
	}
	stored, err := s.startBatch(ctx, c.UserID, ids, plan)
	if err != nil {
		return nil, err
	}
	type revocation struct {
		found item
		mine  bool
	}
	var all sync.Map
	errs := forEach(ids, func(id int64) error {
		if stored[id] == nil {
			return token.ErrNotFound
		}
		if revoked(stored[id]) {
			all.Store(id, revocation{found: stored[id]})
			return nil // by another call: only to be removed
		}
		found, mine, err := s.revoke(ctx, c, id, nil, by, new(bool))
		all.Store(id, revocation{found, mine})
		return err
	})
	for i, id := range ids {
		if errs[i] == nil {
			v, _ := all.Load(id)
			r, _ := v.(revocation)
			errs[i] = s.finishDelete(ctx, c.UserID, id, r.found, r.mine)
		}
	}
	return errs, nil
}

// finishDelete removes a revoked token. mine says that this call revoked it;
// otherwise another call has deleted it before, and the answer is ErrNotFound.
func (s *Store) finishDelete(ctx context.Context, userID, id int64, found item, mine bool) error {
	if err := s.removeRevoked(ctx, userID, id, found); err != nil {
		return err
	}
	if !mine {
		return token.ErrNotFound
	}
	return nil
}

// revoke makes a token's keys invalid. It returns the item as it is then, and
// true for the one call that did it. The mark that the call writes has a random part,
// so a call that repeats its write after a lost answer recognises its own. If the
// item is gone by then, it can't know whether it was the one: the error is
// token.ErrUncertain. uncertain says that this was so before; revoke sets it.
func (s *Store) revoke(ctx context.Context, c token.Caller, id int64, versions token.Versions, by changer, uncertain *bool) (found item, mine bool, err error) {
	userID, mark := c.UserID, strconv.FormatInt(c.Now/1_000_000, 10)+"-"+rand.Text()
	e := newExpression()
	e.require(e.name(attrHash).exists())
	requireVersion(e, versions)
	e.set(attrHash, nil)
	e.set(attrPrevious, nil)
	e.set(attrRevoked, text(mark))
	e.set(attrNote, by.note(history.TokenDeleted))
	policy := retryIdempotent()
	policy.uncertain = uncertain
	found, applied, err := s.update(ctx, tokenKey(userID, id), e, policy)
	switch {
	case err == nil && found == nil && *uncertain:
		return nil, false, fmt.Errorf("delete token %d/%d: %w", userID, id, token.ErrUncertain)
	case err != nil:
		return nil, false, fmt.Errorf("delete token %d/%d: %w", userID, id, err)
	case applied:
		return found, true, nil
	case found == nil:
		return nil, false, token.ErrNotFound
	case !revoked(found):
		return nil, false, token.ErrVersionMismatch
	default:
		r := reader{item: found}
		return found, r.text(attrRevoked) == mark, r.err
	}
}

// removeRevoked removes a revoked token with its foreign key, counts its deletion,
// and returns the free units of its block to the wallet, in one transaction. known
// is its item, which only a reclaim still changes, or nil. It is not an error if
// another call has done it already, or if the user is being deleted, with all
// tokens.
func (s *Store) removeRevoked(ctx context.Context, userID, id int64, known item) error {
	t, err := readToken(known, userID)
	if err != nil {
		return err
	}
	for {
		remove := newExpression()
		remove.require(remove.name(attrRevoked).exists())
		requireSame(remove, attrWallet, known[attrWallet])
		writes := s.removeWrites(t, remove, nil, holdsEndedAt(known, 0))
		reasons, err := s.transact(ctx, writes...)
		switch {
		case reasons == nil && err != nil:
			return fmt.Errorf("count deletion of token %d/%d: %w", userID, id, err)
		case reasons == nil:
			return nil
		case reasons[0].failed && !revoked(reasons[0].item), userGone(reasons[1]):
			return nil
		case reasons[0].failed:
			known = reasons[0].item
			if t, err = readToken(known, userID); err != nil {
				return err
			}
		case t.Block.Count != 0 && reasons[len(writes)-1].failed:
			t.Block = token.Block{} // void
		default:
			return fmt.Errorf("count deletion of token %d/%d: %w", userID, id, err)
		}
	}
}

// removeWrites remove a token, if own holds, with its foreign key, count its deletion
// with a note or none, and return the units of its block that are free at that Unix
// second to the wallet. The first write is that of the token, the second that of META,
// and the last that of the wallet if the token has a block.
func (s *Store) removeWrites(t token.Token, own *expression, note types.AttributeValue, at int64) []write {
	writes := append([]write{s.deleteWrite(tokenKey(t.UserID, t.ID), own)}, s.countWrites(t.UserID, t.ID, note)...)
	writes = append(writes, s.foreignWrites(t)...)
	return append(writes, s.returnWrites(t, at)...)
}

// countWrites count the removal of a token for its user, with a note or none, and in
// its bucket. They require that the id was given and that the user is not being deleted.
func (s *Store) countWrites(userID, id int64, note types.AttributeValue) []write {
	counter := bucketAttribute(pages.BucketOf(id))
	meta := newExpression()
	meta.require(meta.name(attrLastTokenID).atLeast(id))
	meta.require(meta.name(attrDeleting).absent())
	meta.add(attrDeletedTokens, 1)
	meta.set(attrNote, note)
	seg := pages.SegmentOf(id)
	if seg == 0 {
		meta.add(counter, 1)
		return []write{s.updateWrite(userKey(userID), meta)}
	}
	segment := newExpression()
	segment.add(counter, 1)
	return []write{s.updateWrite(userKey(userID), meta), s.updateWrite(segmentKey(userID, seg), segment)}
}
