package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// races is how often one create may lose the race for the next id. Each
// costs four write units, so giving up and telling the client to come back
// is cheaper than persisting.
const races = 8

// Create implements token.Store. Token and counter change in one
// transaction, so ids are dense and no token exists that the counter does
// not know.
func (s *Store) Create(ctx context.Context, c token.Caller, mint func(id int64) token.Token) (token.Token, error) {
	user, _, err := s.admit(ctx, c)
	if err != nil {
		return token.Token{}, err
	}
	given := user.Given
	for attempt := range races {
		t := mint(given + 1)
		reasons, err := s.transact(ctx,
			types.TransactWriteItem{Put: s.putNew(tokenItem(t, s.retention))},
			types.TransactWriteItem{Update: s.bump(c.UserID, given)},
		)
		switch {
		case err == nil:
			return t, nil
		case reasons == nil || !reasons[1].failed:
			return token.Token{}, fmt.Errorf("create token %d/%d: %w", c.UserID, t.ID, err)
		}
		// A rival was given the id. What META says now comes with the answer.
		user, _, err = judge(reasons[1].item, c)
		if err != nil {
			return token.Token{}, err
		}
		given = user.Given
		if err := pause(ctx, attempt); err != nil {
			return token.Token{}, err
		}
	}
	return token.Token{}, token.ErrContention
}

// putNew puts an item that must not exist.
func (s *Store) putNew(it item) *types.Put {
	e := newExpression()
	e.require(e.name(PartitionKey).absent())
	return &types.Put{TableName: &s.table, Item: it, ConditionExpression: e.condition(), ExpressionAttributeNames: e.names}
}

// bump gives the next id, if given ids are still the last ones.
func (s *Store) bump(userID, given int64) *types.Update {
	e := newExpression()
	e.require(e.name(attrGiven).is(given))
	e.set(attrGiven, number(given+1))
	return &types.Update{
		TableName: &s.table, Key: userKey(userID),
		UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// A reason is what one item says of a cancelled transaction: whether its
// condition failed, and the item as it is stored if that was asked for.
type reason struct {
	failed bool
	item   item
}

// transact writes all or nothing, once, however often it has to ask: a
// request token tells DynamoDB that a repetition is one. The reasons are nil
// unless a condition failed, and nothing else did.
func (s *Store) transact(ctx context.Context, writes ...types.TransactWriteItem) ([]reason, error) {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: writes, ClientRequestToken: aws.String(rand.Text()), ReturnConsumedCapacity: consumed,
	}, repeatable)
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || anyOf(err, refused, conflicted) ||
		!hasReason(cancelled, conditionFailed) || len(cancelled.CancellationReasons) != len(writes) {
		return nil, repeatedFailure(err)
	}
	reasons := make([]reason, len(writes))
	for i, r := range cancelled.CancellationReasons {
		reasons[i] = reason{aws.ToString(r.Code) == conditionFailed, r.Item}
	}
	return reasons, err
}
