package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of a token's key before the one it has.
const (
	attrPrevious      = "prev" // B, SHA-256 of that key
	attrPreviousMask  = "prevmask"
	attrPreviousUntil = "prevuntil"
)

// Rotate implements token.Store, in one write: DynamoDB copies the old hash
// and mask to their new places. With a version the write may be repeated, for
// it can't be applied twice; without, it is sent once.
func (s *Store) Rotate(ctx context.Context, c token.Caller, id int64, turn token.KeyRotation) (token.Token, error) {
	if _, _, err := s.admit(ctx, c); err != nil {
		return token.Token{}, err
	}
	patience, uncertain := once, writeFailure
	if turn.Version != 0 {
		patience, uncertain = repeatable, repeatedFailure
	}
	out, err := s.client.UpdateItem(ctx, s.updateInput(tokenKey(c.UserID, id), turnExpression(turn)), func(o *dynamodb.Options) { patience(o) })
	stored, refused := conditionRefused(err)
	switch {
	case refused && (stored == nil || killed(stored)):
		return token.Token{}, token.ErrNotFound
	case refused:
		t, err := readToken(stored, c.UserID)
		if err == nil && !t.HasKey(turn.Key.Hash()) {
			err = token.ErrVersionMismatch
		}
		return t, err
	case err != nil:
		return token.Token{}, fmt.Errorf("rotate token %d/%d: %w", c.UserID, id, uncertain(err))
	}
	return readToken(out.Attributes, c.UserID)
}

func turnExpression(turn token.KeyRotation) *expression {
	e := newExpression()
	hash, mask := e.name(attrHash), e.name(attrMask)
	e.require(hash.exists())
	if turn.Version != 0 {
		e.require(e.name(attrVersion).is(turn.Version))
	}
	e.assign(e.name(attrPrevious), hash.hash)
	e.assign(e.name(attrPreviousMask), mask.hash)
	e.set(attrPreviousUntil, positive(turn.PreviousUntil))
	e.set(attrHash, hashValue(turn.Key.Hash()))
	e.set(attrMask, text(turn.Key.Mask()))
	e.add(attrVersion, 1)
	return e
}

func hashValue(hash [32]byte) types.AttributeValue {
	return &types.AttributeValueMemberB{Value: hash[:]}
}

// requireKey: the key, by its hash, is the token's; or it is the one before,
// where that is in its grace at a second, or may be over it.
func requireKey(e *expression, hash [32]byte, now int64, mayBeOver bool) {
	mine, previous := e.value(hashValue(hash)), e.name(attrPrevious)
	before := previous.hash + " = " + mine
	if !mayBeOver {
		before += " AND " + e.name(attrPreviousUntil).above(now)
	}
	e.require(e.name(attrHash).hash + " = " + mine + " OR " + before)
}
