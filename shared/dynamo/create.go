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

// Create implements token.Store. Tokens, counter and, if it is to be kept,
// the answer come in one transaction, so ids are dense and no token exists
// that the counter does not know.
func (s *Store) Create(ctx context.Context, c token.Caller, mint func(token.User) (token.NewTokens, error)) ([]token.Token, error) {
	user, _, err := s.admit(ctx, c)
	if err != nil {
		return nil, err
	}
	for attempt := range races {
		birth, err := mint(user)
		if err != nil {
			return nil, err
		}
		reasons, err := s.transact(ctx, s.births(user, birth)...)
		meta, kept := len(birth.Tokens), len(birth.Tokens)+1
		switch {
		case err == nil:
			return birth.Tokens, nil
		case reasons == nil:
			return nil, fmt.Errorf("create tokens of user %d: %w", c.UserID, err)
		case birth.Response != nil && reasons[kept].failed:
			return nil, &token.AlreadyAnsweredError{Sealed: sealedIn(reasons[kept].item)}
		case !reasons[meta].failed:
			return nil, fmt.Errorf("create tokens of user %d: %w", c.UserID, err)
		}
		// A rival was given the id, or the operator has changed the user. What
		// META says now comes with the answer.
		user, _, err = judge(reasons[meta].item, c)
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, token.ErrContention
}

// births are the writes of a create: the tokens, META, and the answer.
func (s *Store) births(user token.User, birth token.NewTokens) (writes []types.TransactWriteItem) {
	for _, t := range birth.Tokens {
		writes = append(writes, types.TransactWriteItem{Put: s.putNew(tokenItem(t, s.retentionSeconds))})
	}
	writes = append(writes, types.TransactWriteItem{Update: s.give(user, birth)})
	if birth.Response != nil {
		writes = append(writes, types.TransactWriteItem{Put: s.putKept(user.ID, *birth.Response)})
	}
	return writes
}

// putNew puts an item that must not exist.
func (s *Store) putNew(it item) *types.Put {
	e := newExpression()
	e.require(e.name(PartitionKey).absent())
	return &types.Put{TableName: &s.table, Item: it, ConditionExpression: e.condition(), ExpressionAttributeNames: e.names}
}

// give gives the next ids, if the user is as it was when they were chosen:
// what it may still make depends on its limits and on what it has made.
func (s *Store) give(user token.User, birth token.NewTokens) *types.Update {
	e := newExpression()
	e.require(e.name(attrGiven).is(user.LastTokenID))
	e.require(e.name(attrVersion).is(user.Version))
	e.set(attrGiven, number(user.LastTokenID+int64(len(birth.Tokens))))
	if birth.RateTAT != user.RateTAT {
		e.set(attrPaced, number(birth.RateTAT))
	}
	return &types.Update{
		TableName: &s.table, Key: userKey(user.ID),
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
