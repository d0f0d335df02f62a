package dynamo

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The store's own item code, for tests that load or simulate a table.

// TokenItem is a token as the store writes it.
func TokenItem(t token.Token) map[string]types.AttributeValue {
	return tokenItem(t, int64(DefaultRetention/time.Second))
}

// TokenKey is where a token is stored.
func TokenKey(userID, id int64) map[string]types.AttributeValue { return tokenKey(userID, id) }

// MetaItem is a user as the store writes it, and the deletions in segment 0.
func MetaItem(u token.User, deleted pages.Segment) map[string]types.AttributeValue {
	it := userItem(u)
	if u.RateTAT != 0 {
		it[attrRateTAT] = number(u.RateTAT)
	}
	return addCounts(it, deleted)
}

// SegItem holds the deletions in another segment.
func SegItem(userID, seg int64, deleted pages.Segment) map[string]types.AttributeValue {
	return addCounts(segmentKey(userID, seg), deleted)
}

// addCounts leaves out what was never counted, as the store does.
func addCounts(it item, deleted pages.Segment) item {
	for i, n := range deleted {
		if n > 0 {
			it[bucketAttribute(int64(i))] = number(n)
		}
	}
	return it
}
