package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// attrSealed is the saved part of a request, or the key of a token, encrypted by the
// caller.
const attrSealed = "sealed"

// responseItem returns the IDEM item of a saved response, and the condition on
// which to store it: that there is none, or that the one there has expired.
// DynamoDB removes expired items late, up to days after their time.
func responseItem(userID int64, r token.SavedResponse) (item, *expression) {
	it := responseKey(userID, r.RequestID, r.Part)
	it[attrSealed] = binary(r.Sealed)
	it[TTL] = number(r.ExpiresAt)
	e := newExpression()
	e.require(e.name(PartitionKey).absent() + " OR " + e.name(TTL).atMost(r.Now))
	return it, e
}

func readSealed(it item) []byte {
	v, ok := it[attrSealed].(*types.AttributeValueMemberB)
	if !ok {
		return nil
	}
	return v.Value
}

// SaveResponse implements token.Store. Its write may be repeated: a repetition
// finds what the first attempt stored.
func (s *Store) SaveResponse(ctx context.Context, c token.Caller, r token.SavedResponse) ([]byte, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	it, e := responseItem(c.UserID, r)
	found, err := s.put(ctx, it, e, retryIdempotent())
	if err != nil {
		return nil, fmt.Errorf("save a response for user %d: %w", c.UserID, err)
	}
	return readSealed(found), nil
}

// LoadResponse implements token.Store.
func (s *Store) LoadResponse(ctx context.Context, c token.Caller, requestID string, part token.ResponsePart, now int64) ([]byte, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	it, err := s.get(ctx, responseKey(c.UserID, requestID, part))
	if err != nil {
		return nil, fmt.Errorf("load a response for user %d: %w", c.UserID, err)
	}
	r := reader{item: it}
	if len(it) == 0 || r.number(TTL) <= now {
		return nil, token.ErrNoSavedResponse
	}
	return readSealed(it), r.err
}
