package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// This file has every call that a Store makes. Reads are strongly consistent
// but for those with Soon in their name and some of querySome, and each call reports its capacity units to the context's meter.

const consumed = types.ReturnConsumedCapacityTotal

// maxBatchKeys is how many keys one BatchGetItem accepts.
const maxBatchKeys = 100

// maxTransactWrites is how many items one transaction accepts.
const maxTransactWrites = 100

// get reads one item; it is empty if there is none.
func (s *Store) get(ctx context.Context, key item) (item, error) {
	return s.read(ctx, key, true)
}

// getSoon is get for half the price: an item of the last second may be missing.
func (s *Store) getSoon(ctx context.Context, key item) (item, error) {
	return s.read(ctx, key, false)
}

func (s *Store) read(ctx context.Context, key item, consistent bool) (item, error) {
	reads := retryReads()
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: key, ConsistentRead: &consistent, ReturnConsumedCapacity: consumed,
	}, reads.configure)
	if err != nil {
		return nil, reads.explain(err)
	}
	return out.Item, nil
}

// batchGet reads items in the order of their keys, nil for those that don't
// exist. It makes one round trip for each 100 keys.
func (s *Store) batchGet(ctx context.Context, keys ...item) ([]item, error) {
	return s.batchRead(ctx, keys, true)
}

// batchGetSoon is batchGet for half the price, as getSoon.
func (s *Store) batchGetSoon(ctx context.Context, keys ...item) ([]item, error) {
	return s.batchRead(ctx, keys, false)
}

func (s *Store) batchRead(ctx context.Context, keys []item, consistent bool) ([]item, error) {
	all := make([]item, 0, len(keys))
	for len(all) < len(keys) {
		found, err := s.getBatch(ctx, keys[len(all):min(len(all)+maxBatchKeys, len(keys))], consistent)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// getBatch reads up to maxBatchKeys items. If DynamoDB leaves some unprocessed
// because of throttling, it asks for them again.
func (s *Store) getBatch(ctx context.Context, keys []item, consistent bool) ([]item, error) {
	reads := retryReads()
	found := make([]item, len(keys))
	pending := keys
	for attempt := range maxAttempts {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{s.table: {Keys: pending, ConsistentRead: &consistent}},
			ReturnConsumedCapacity: consumed,
		}, reads.configure)
		if err != nil {
			return nil, reads.explain(err)
		}
		for _, it := range out.Responses[s.table] {
			for i, k := range keys {
				if sameKey(it, k) {
					found[i] = it
				}
			}
		}
		pending = out.UnprocessedKeys[s.table].Keys
		if len(pending) == 0 {
			return found, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %d keys left unprocessed", token.ErrUnavailable, len(pending))
}

// query reads a span of a partition, newest first. It reads all of a span
// that has no limit.
func (s *Store) query(ctx context.Context, partition string, sp pages.Span) ([]item, error) {
	return s.queryAll(ctx, s.queryOf(partition, sp, true), sp)
}

// querySome is query for some attributes of each item, or all if there are none, and
// for half the price if it is not consistent.
func (s *Store) querySome(ctx context.Context, partition string, sp pages.Span, consistent bool, attributes []string) ([]item, error) {
	in := s.queryOf(partition, sp, consistent)
	if attributes != nil {
		e, placeholders := newExpression(), make([]string, len(attributes))
		for i, attr := range attributes {
			placeholders[i] = e.name(attr).placeholder
		}
		in.ProjectionExpression, in.ExpressionAttributeNames = aws.String(strings.Join(placeholders, ", ")), e.usedNames()
	}
	return s.queryAll(ctx, in, sp)
}

func (s *Store) queryAll(ctx context.Context, in *dynamodb.QueryInput, sp pages.Span) ([]item, error) {
	reads := retryReads()
	var items []item
	for {
		if sp.Limit > 0 {
			in.Limit = aws.Int32(int32(sp.Limit) - int32(len(items))) //nolint:gosec // at most a bucket
		}
		out, err := s.client.Query(ctx, in, reads.configure)
		if err != nil {
			return nil, reads.explain(err)
		}
		items = append(items, out.Items...)
		in.ExclusiveStartKey = out.LastEvaluatedKey
		if len(out.LastEvaluatedKey) == 0 || sp.Limit > 0 && int64(len(items)) >= sp.Limit {
			return trimSpan(sp, items), nil
		}
	}
}

// querySoon reads a span of a partition, oldest first, as getSoon, and calls do for
// each item. It makes at most a number of calls, each of which reads up to 1 MB,
// and returns the last sort key that it read if more follow.
func (s *Store) querySoon(ctx context.Context, partition string, sp pages.Span, calls int, do func(item) error) (last int64, more bool, err error) {
	reads := retryReads()
	sp.Ascending = true
	in := s.queryOf(partition, sp, false)
	for range calls {
		out, err := s.client.Query(ctx, in, reads.configure)
		if err != nil {
			return 0, false, reads.explain(err)
		}
		for _, it := range out.Items {
			if err := do(it); err != nil {
				return 0, false, err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return 0, false, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	at := reader{item: in.ExclusiveStartKey}
	return at.number(SortKey), true, at.err
}

func (s *Store) queryOf(partition string, sp pages.Span, consistent bool) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String(PartitionKey + " = :partition AND " + SortKey + " BETWEEN :lo AND :hi"),
		ExpressionAttributeValues: item{":partition": text(partition), ":lo": number(sp.Lo), ":hi": number(sp.Hi)},
		ConsistentRead:            &consistent, ScanIndexForward: &sp.Ascending, ReturnConsumedCapacity: consumed,
	}
}

// trimSpan drops the items that a span reads only to skip them, and returns
// the rest newest first.
func trimSpan(sp pages.Span, items []item) []item {
	items = items[min(int(sp.Drop), len(items)):]
	if sp.Ascending {
		slices.Reverse(items)
	}
	return items
}

// update changes one item if the expression's condition holds. It returns the
// item as it is afterwards: changed if applied, else as it was stored, nil if
// there is none. A condition that does not hold is not an error.
func (s *Store) update(ctx context.Context, key item, e *expression, policy retryPolicy) (found item, applied bool, err error) {
	dropNote(key, e)
	out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key,
		UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.usedNames(), ExpressionAttributeValues: e.usedValues(),
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              consumed,
	}, policy.configure)
	if err != nil {
		return stored(err, policy)
	}
	return out.Attributes, true, nil
}

// put stores one item if the expression's condition holds. It returns the item
// that is stored afterwards, as update does.
func (s *Store) put(ctx context.Context, it item, e *expression, policy retryPolicy) (item, error) {
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: it, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.usedNames(), ExpressionAttributeValues: e.usedValues(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              consumed,
	}, policy.configure)
	if err != nil {
		found, _, err := stored(err, policy)
		return found, err
	}
	return it, nil
}

// remove removes one item if there is one.
func (s *Store) remove(ctx context.Context, key item, policy retryPolicy) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: key, ReturnConsumedCapacity: consumed}, policy.configure)
	if err != nil {
		return policy.explain(err)
	}
	return nil
}

// stored returns the item that a failed condition reports. Any other error it
// returns as the policy explains it.
func stored(err error, policy retryPolicy) (found item, applied bool, _ error) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false, policy.explain(err)
	}
	if len(failed.Item) == 0 {
		return nil, false, nil
	}
	return failed.Item, false, nil
}

// A write is one item's part of a transaction.
type write = types.TransactWriteItem

// storedOnFailure asks for the stored item if a condition fails. A write without
// a condition does not ask for it.
func storedOnFailure(e *expression) types.ReturnValuesOnConditionCheckFailure {
	if e.condition() == nil {
		return ""
	}
	return types.ReturnValuesOnConditionCheckFailureAllOld
}

// putWrite stores an item if the expression's condition holds.
func (s *Store) putWrite(it item, e *expression) write {
	return write{Put: &types.Put{
		TableName: &s.table, Item: it, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.usedNames(), ExpressionAttributeValues: e.usedValues(),
		ReturnValuesOnConditionCheckFailure: storedOnFailure(e),
	}}
}

// updateWrite changes an item if the expression's condition holds.
func (s *Store) updateWrite(key item, e *expression) write {
	dropNote(key, e)
	return write{Update: &types.Update{
		TableName: &s.table, Key: key, UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.usedNames(), ExpressionAttributeValues: e.usedValues(),
		ReturnValuesOnConditionCheckFailure: storedOnFailure(e),
	}}
}

// deleteWrite removes an item if the expression's condition holds.
func (s *Store) deleteWrite(key item, e *expression) write {
	return write{Delete: &types.Delete{
		TableName: &s.table, Key: key, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.usedNames(), ExpressionAttributeValues: e.usedValues(),
		ReturnValuesOnConditionCheckFailure: storedOnFailure(e),
	}}
}

// A reason says why one write of a transaction was cancelled.
type reason struct {
	failed bool // its condition did not hold
	item   item // the item as it is stored; set only if failed
}

// transact makes all writes or none. It may send them several times, but
// DynamoDB applies them once: it recognises the request token. The reasons
// are nil unless the transaction was cancelled only because of conditions.
func (s *Store) transact(ctx context.Context, writes ...write) ([]reason, error) {
	return s.transactWith(ctx, retryIdempotent(), writes...)
}

func (s *Store) transactWith(ctx context.Context, policy retryPolicy, writes ...write) ([]reason, error) {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: writes, ClientRequestToken: aws.String(rand.Text()), ReturnConsumedCapacity: consumed,
	}, policy.configure)
	if err == nil {
		return nil, nil
	}
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || notApplied(err) || conflicted(err) ||
		!hasReason(cancelled, conditionFailed) || len(cancelled.CancellationReasons) != len(writes) {
		return nil, policy.explain(err)
	}
	reasons := make([]reason, len(writes))
	for i, r := range cancelled.CancellationReasons {
		reasons[i] = reason{aws.ToString(r.Code) == conditionFailed, r.Item}
	}
	return reasons, err
}
