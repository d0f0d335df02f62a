package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// tries is how often one operation may find that a rival has rewritten the
// item that it was about to rewrite. Only operations on one token in the same
// milliseconds are rivals, and each time one of them is done.
const tries = 24

// Look implements quota.Store.
func (s *Store) Lookup(ctx context.Context, key credential.Key) (quota.Ledger, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: tokenKey(key.UserID, key.TokenID),
		ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: consumed,
	}, reading)
	if err != nil {
		return quota.Ledger{}, fmt.Errorf("look at token %d/%d: %w", key.UserID, key.TokenID, failure(err))
	}
	return ledgerOf(out.Item, key)
}

// ledgerOf reads the item at a key's address, if it is the key's, or was.
func ledgerOf(it item, key credential.Key) (quota.Ledger, error) {
	l, err := readLedger(it, key.UserID)
	if err == nil && !l.HasKey(key.Hash()) {
		err = quota.ErrKeyUnknown
	}
	if err != nil {
		return quota.Ledger{}, err
	}
	return l, nil
}

// Do implements quota.Store. The first write goes without a look, on the
// condition that nothing stands in its way. If something does, the item comes
// back with the refusal: either it answers the question, or the operation is
// carried out on what it says and written on the condition that it is still
// so. If it is not, a rival has tidied up, and the way may be free again.
func (s *Store) Do(ctx context.Context, key credential.Key, o quota.Operation) (quota.Ledger, error) {
	doubt := false // an attempt was lost, and may have been carried out, or may yet be
	l, err := s.do(ctx, key, o, &doubt)
	if err != nil && doubt && !errors.Is(err, token.ErrUncertain) {
		// A refusal would say that nothing was charged.
		return quota.Ledger{}, fmt.Errorf("operate on token %d/%d: %w, then: %s", key.UserID, key.TokenID, token.ErrRepeatable, err.Error())
	}
	return l, err
}

func (s *Store) do(ctx context.Context, key credential.Key, o quota.Operation, doubt *bool) (quota.Ledger, error) {
	for attempt := range tries {
		stored, l, err := s.write(ctx, key, o, blind(key, o), doubt)
		if stored == nil {
			return l, err
		}
		found, err := ledgerOf(stored, key)
		if err != nil {
			return quota.Ledger{}, err
		}
		if !o.EndsHold() && !found.AcceptsKey(key.Hash(), o.Now) {
			return quota.Ledger{}, quota.ErrKeyUnknown
		}
		next, changed, err := o.Apply(found)
		if err != nil || !changed {
			return found, err
		}
		stored, l, err = s.write(ctx, key, o, rewrite(found, next), doubt)
		if stored == nil {
			return l, err
		}
		if err := pause(ctx, attempt); err != nil {
			return quota.Ledger{}, err
		}
	}
	return quota.Ledger{}, token.ErrContention
}

// write makes one conditional write for an operation. If the condition
// fails, it returns the item as it is stored.
func (s *Store) write(ctx context.Context, key credential.Key, o quota.Operation, e *expression, doubt *bool) (item, quota.Ledger, error) {
	patience := once // whatever the client's own is
	if o.Repeatable() {
		patience = noting(doubt)
	}
	out, err := s.client.UpdateItem(ctx, s.updateInput(tokenKey(key.UserID, key.TokenID), e), patience)
	stored, refused := conditionRefused(err)
	switch {
	case refused && stored == nil:
		return nil, quota.Ledger{}, quota.ErrKeyUnknown
	case refused:
		return stored, quota.Ledger{}, nil
	case err != nil && o.Repeatable():
		return nil, quota.Ledger{}, fmt.Errorf("operate on token %d/%d: %w", key.UserID, key.TokenID, recordedFailure(err))
	case err != nil:
		return nil, quota.Ledger{}, fmt.Errorf("operate on token %d/%d: %w", key.UserID, key.TokenID, writeFailure(err))
	}
	l, err := ledgerOf(out.Attributes, key)
	return nil, l, err
}

// noting is for writes of which the item keeps a record, by which the store
// tells a repetition; doubt becomes true when an attempt is lost.
func noting(doubt *bool) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.Retryer = retryer(attempts, refused, conflicted, func(err error) bool {
			*doubt = *doubt || lost(err)
			return lost(err)
		})
	}
}

// rewrite stores a ledger in the place of another, if that one is still
// there.
func rewrite(found, next quota.Ledger) *expression {
	e := newExpression()
	e.require(e.name(attrHash).exists())
	e.require(e.name(attrVersion).is(found.Version))
	e.require(e.name(attrRevision).absent() + " OR " + e.name(attrRevision).is(found.Revision))
	for attr, value := range ledgerItem(next) {
		e.set(attr, value)
	}
	e.add(attrRevision, 1)
	return e
}

// tidy stores what a token is once its lapsed holds have gone home. That a
// rival did, or changed it otherwise, is no error.
func (s *Store) tidy(ctx context.Context, found quota.Ledger, now int64) error {
	e := rewrite(found, found.Compact(now))
	_, err := s.client.UpdateItem(ctx, s.updateInput(tokenKey(found.UserID, found.ID), e), repeatable)
	if _, refused := conditionRefused(err); refused {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidy token %d/%d: %w", found.UserID, found.ID, failure(err))
	}
	return nil
}
