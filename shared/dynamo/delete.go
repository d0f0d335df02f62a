package dynamo

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Delete implements token.Store in two steps. First one write revokes the
// token: it removes the hash, so the keys are refused from then on. Then a
// transaction removes the item and counts the deletion. If the second step
// does not happen, the next delete or list that finds the revoked token makes
// up for it.
func (s *Store) Delete(ctx context.Context, c token.Caller, id int64, versions token.Versions) error {
	if err := s.authorizeChanges(ctx, c, 1); err != nil {
		return err
	}
	mine, err := s.revoke(ctx, c.UserID, id, versions)
	if err != nil {
		return err
	}
	return s.finishDelete(ctx, c.UserID, id, mine)
}

// DeleteAll implements token.Store. It revokes tokens in parallel. It removes
// them one after the other, because each removal writes META.
func (s *Store) DeleteAll(ctx context.Context, c token.Caller, ids []int64, plan token.BatchPlan) ([]error, error) {
	if err := s.authorizeChanges(ctx, c, int64(len(ids))); err != nil {
		return nil, err
	}
	stored, err := s.startBatch(ctx, c.UserID, ids, plan)
	if err != nil {
		return nil, err
	}
	var revokedHere sync.Map
	errs := forEach(ids, func(id int64) error {
		if stored[id] == nil {
			return token.ErrNotFound
		}
		if revoked(stored[id]) {
			return nil // by another call: only to be removed
		}
		mine, err := s.revoke(ctx, c.UserID, id, nil)
		revokedHere.Store(id, mine)
		return err
	})
	for i, id := range ids {
		if errs[i] == nil {
			mine, _ := revokedHere.Load(id)
			errs[i] = s.finishDelete(ctx, c.UserID, id, mine == true)
		}
	}
	return errs, nil
}

// finishDelete removes a revoked token. mine says that this call revoked it;
// otherwise another call has deleted it before, and the answer is ErrNotFound.
func (s *Store) finishDelete(ctx context.Context, userID, id int64, mine bool) error {
	if err := s.removeRevoked(ctx, userID, id); err != nil {
		return err
	}
	if !mine {
		return token.ErrNotFound
	}
	return nil
}

// revoke makes a token's keys invalid. It is true for the one call that did
// it. The mark that the call writes is random, so a call that repeats its
// write after a lost answer recognises its own mark. If the item is gone by then,
// it can't know whether it was the one: the error is token.ErrUncertain.
func (s *Store) revoke(ctx context.Context, userID, id int64, versions token.Versions) (bool, error) {
	mark := rand.Text()
	e := newExpression()
	e.require(e.name(attrHash).exists())
	requireVersion(e, versions)
	e.set(attrHash, nil)
	e.set(attrPrevious, nil)
	e.set(attrRevoked, text(mark))
	uncertain := false
	policy := retryIdempotent()
	policy.uncertain = &uncertain
	found, applied, err := s.update(ctx, tokenKey(userID, id), e, policy)
	switch {
	case err == nil && found == nil && uncertain:
		return false, fmt.Errorf("delete token %d/%d: %w", userID, id, token.ErrUncertain)
	case err != nil:
		return false, fmt.Errorf("delete token %d/%d: %w", userID, id, err)
	case applied:
		return true, nil
	case found == nil:
		return false, token.ErrNotFound
	case !revoked(found):
		return false, token.ErrVersionMismatch
	default:
		r := reader{item: found}
		return r.text(attrRevoked) == mark, r.err
	}
}

// removeRevoked removes a revoked token and counts its deletion, in one
// transaction. It is not an error if another call has done it already.
func (s *Store) removeRevoked(ctx context.Context, userID, id int64) error {
	reasons, err := s.transact(ctx, s.removeWrites(userID, id)...)
	if reasons != nil && reasons[0].failed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("count deletion of token %d/%d: %w", userID, id, err)
	}
	return nil
}

func (s *Store) removeWrites(userID, id int64) []write {
	e := newExpression()
	e.require(e.name(attrRevoked).exists())
	writes := []write{s.deleteWrite(tokenKey(userID, id), e)}
	return append(writes, s.countWrites(userID, id)...)
}

// countWrites count the removal of a token for its user and in its bucket.
// They require that the id was given.
func (s *Store) countWrites(userID, id int64) []write {
	counter := bucketAttribute(pages.BucketOf(id))
	meta := newExpression()
	meta.require(meta.name(attrLastTokenID).atLeast(id))
	meta.add(attrDeletedTokens, 1)
	seg := pages.SegmentOf(id)
	if seg == 0 {
		meta.add(counter, 1)
		return []write{s.updateWrite(userKey(userID), meta)}
	}
	segment := newExpression()
	segment.add(counter, 1)
	return []write{s.updateWrite(userKey(userID), meta), s.updateWrite(segmentKey(userID, seg), segment)}
}
