package dynamo

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Delete implements token.Store. It kills first: one write takes the hash
// away, and access has ended. Then a transaction removes the item and counts
// it. Should the second step not come to pass, the next delete or list that
// meets the killed token makes up for it.
func (s *Store) Delete(ctx context.Context, c token.Caller, id int64, versions token.Versions) error {
	if _, _, err := s.admit(ctx, c); err != nil {
		return err
	}
	mine, err := s.kill(ctx, c.UserID, id, versions)
	if err != nil {
		return err
	}
	return s.end(ctx, c.UserID, id, mine)
}

// end buries a token that was killed, by the caller if it is mine.
func (s *Store) end(ctx context.Context, userID, id int64, mine bool) error {
	if err := s.bury(ctx, userID, id); err != nil {
		return err
	}
	if !mine {
		return token.ErrNotFound // it was deleted before; what was left to do is done
	}
	return nil
}

// kill ends a token's access. It is true for the one call that did, also if
// that call had to repeat the write because the answer got lost: the mark
// that it leaves is its own.
func (s *Store) kill(ctx context.Context, userID, id int64, versions token.Versions) (bool, error) {
	mark := rand.Text()
	e := newExpression()
	e.require(e.name(attrHash).exists())
	requireVersion(e, versions)
	e.set(attrHash, nil)
	e.set(attrPrevious, nil)
	e.set(attrKilled, text(mark))
	_, err := s.client.UpdateItem(ctx, s.updateInput(tokenKey(userID, id), e), repeatable)
	old, refused := conditionRefused(err)
	switch {
	case refused && old == nil:
		return false, token.ErrNotFound
	case refused && !killed(old):
		return false, token.ErrVersionMismatch
	case refused:
		r := reader{item: old}
		return r.text(attrKilled) == mark, r.err
	case err != nil:
		return false, fmt.Errorf("delete token %d/%d: %w", userID, id, repeatedFailure(err))
	default:
		return true, nil
	}
}

// bury removes a killed token and counts it, in one transaction and so once.
// That somebody else did is no error.
func (s *Store) bury(ctx context.Context, userID, id int64) error {
	reasons, err := s.transact(ctx, s.burial(userID, id)...)
	if reasons != nil && reasons[0].failed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("count deletion of token %d/%d: %w", userID, id, err)
	}
	return nil
}

func (s *Store) burial(userID, id int64) []types.TransactWriteItem {
	e := newExpression()
	e.require(e.name(attrKilled).exists())
	writes := []types.TransactWriteItem{{Delete: &types.Delete{
		TableName: &s.table, Key: tokenKey(userID, id),
		ConditionExpression: e.condition(), ExpressionAttributeNames: e.names,
	}}}
	return append(writes, s.count(userID, id)...)
}

// count counts the removal of a token that was given: for the user, and in its
// bucket.
func (s *Store) count(userID, id int64) []types.TransactWriteItem {
	meta := newExpression()
	meta.require(meta.name(attrGiven).atLeast(id))
	meta.add(attrDeleted, 1)
	seg := pages.SegmentOf(id)
	if seg == 0 {
		meta.add(bucketAttribute(id), 1)
		return s.updates(userKey(userID), meta)
	}
	bucket := newExpression()
	bucket.add(bucketAttribute(id), 1)
	return append(s.updates(userKey(userID), meta), s.updates(segmentKey(userID, seg), bucket)...)
}

// updates is one item's update, as a part of a transaction.
func (s *Store) updates(key item, e *expression) []types.TransactWriteItem {
	return []types.TransactWriteItem{{Update: &types.Update{
		TableName: &s.table, Key: key, UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}}}
}
