package dynamo

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Delete implements token.Store in two steps. First one write revokes the
// token: it removes the hash, so the keys are refused from then on. Then a
// transaction removes the item and counts the deletion. If the second step
// does not happen, the next delete or list that finds the revoked token makes
// up for it.
func (s *Store) Delete(ctx context.Context, c token.Caller, id int64, versions token.Versions) error {
	by, err := s.authorizeChanges(ctx, c, 1)
	if err != nil {
		return err
	}
	found, mine, err := s.revoke(ctx, c, id, versions, by)
	if err != nil {
		return err
	}
	return s.finishDelete(ctx, c.UserID, id, found, mine)
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
		found, mine, err := s.revoke(ctx, c, id, nil, by)
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
// token.ErrUncertain.
func (s *Store) revoke(ctx context.Context, c token.Caller, id int64, versions token.Versions, by changer) (found item, mine bool, err error) {
	userID, mark := c.UserID, strconv.FormatInt(c.Now/1_000_000, 10)+"-"+rand.Text()
	e := newExpression()
	e.require(e.name(attrHash).exists())
	requireVersion(e, versions)
	e.set(attrHash, nil)
	e.set(attrPrevious, nil)
	e.set(attrRevoked, text(mark))
	e.set(attrNote, by.note(history.TokenDeleted))
	uncertain := false
	policy := retryIdempotent()
	policy.uncertain = &uncertain
	found, applied, err := s.update(ctx, tokenKey(userID, id), e, policy)
	switch {
	case err == nil && found == nil && uncertain:
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
		writes := append([]write{s.deleteWrite(tokenKey(userID, id), remove)}, s.countWrites(userID, id)...)
		writes = append(writes, s.foreignWrites(t)...)
		back := s.returnWrites(t, holdsEndedAt(known, 0))
		reasons, err := s.transact(ctx, append(writes, back...)...)
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
		case back != nil && reasons[len(writes)].failed:
			t.Block = token.Block{} // void
		default:
			return fmt.Errorf("count deletion of token %d/%d: %w", userID, id, err)
		}
	}
}

// countWrites count the removal of a token for its user and in its bucket.
// They require that the id was given and that the user is not being deleted.
func (s *Store) countWrites(userID, id int64) []write {
	counter := bucketAttribute(pages.BucketOf(id))
	meta := newExpression()
	meta.require(meta.name(attrLastTokenID).atLeast(id))
	meta.require(meta.name(attrDeleting).absent())
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
