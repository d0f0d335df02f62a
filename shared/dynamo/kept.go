package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// attrSealed is what is kept for a request, as the caller has sealed it.
const attrSealed = "sealed"

// putKept puts a part of a request where none is kept. DynamoDB removes what
// has reached its time to live in its own time, up to days later.
func (s *Store) putKept(userID int64, k token.SavedResponse) *types.Put {
	it := keptKey(userID, k.RequestID, k.Part)
	it[attrSealed] = &types.AttributeValueMemberB{Value: k.Sealed}
	it[TTL] = number(k.ExpiresAt)
	e := newExpression()
	e.require(e.name(PartitionKey).absent() + " OR " + e.name(TTL).atMost(k.Now))
	return &types.Put{
		TableName: &s.table, Item: it, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

func sealedIn(it item) []byte {
	v, _ := it[attrSealed].(*types.AttributeValueMemberB)
	if v == nil {
		return nil
	}
	return v.Value
}

// Keep implements token.Store. Its write may be repeated: what it finds then
// is its own.
func (s *Store) SaveResponse(ctx context.Context, c token.Caller, k token.SavedResponse) ([]byte, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	put := s.putKept(c.UserID, k)
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression,
		ExpressionAttributeNames: put.ExpressionAttributeNames, ExpressionAttributeValues: put.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: put.ReturnValuesOnConditionCheckFailure,
		ReturnConsumedCapacity:              consumed,
	}, repeatable)
	if stored, refused := conditionRefused(err); refused {
		return sealedIn(stored), nil
	}
	if err != nil {
		return nil, fmt.Errorf("keep an answer for user %d: %w", c.UserID, repeatedFailure(err))
	}
	return k.Sealed, nil
}

// Recall implements token.Store.
func (s *Store) LoadResponse(ctx context.Context, c token.Caller, requestID string, now int64) ([]byte, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: keptKey(c.UserID, requestID, token.PartResponse),
		ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: consumed,
	}, reading)
	if err != nil {
		return nil, fmt.Errorf("recall an answer for user %d: %w", c.UserID, failure(err))
	}
	r := reader{item: out.Item}
	if len(out.Item) == 0 || r.number(TTL) <= now {
		return nil, token.ErrNoSavedResponse
	}
	return sealedIn(out.Item), r.err
}
