package dynamo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of every item: partition key, sort key, and the Unix second
// after which DynamoDB may remove the item.
const (
	PartitionKey = "pk"
	SortKey      = "sk"
	TTL          = "ttl"
)

type item = map[string]types.AttributeValue

// tokenPrefix starts the partition key of every TOKEN item and of no other.
const tokenPrefix = "T#"

// userPrefix and walletPrefix are the same for META, POLICY and SEG, and for WALLET.
const (
	userPrefix   = "U#"
	walletPrefix = "W#"
)

// directoryPartition has one item for each user; the sort key is the user id.
const directoryPartition = "D"

// The partitions of META and SEG items, and of TOKEN items. META, the
// policy and the segments of a user share a partition; no other two kinds of item do.

func userPartition(userID int64) string { return fmt.Sprintf("%s%d", userPrefix, userID) }

func tokenPartition(userID, bucket int64) string {
	return fmt.Sprintf("%s%d#%d", tokenPrefix, userID, bucket)
}

// The keys of the items, by the names that ARCHITECTURE.md gives them.

func userKey(userID int64) item          { return key(userPartition(userID), 0) }
func segmentKey(userID, seg int64) item  { return key(userPartition(userID), seg) }
func tokenKey(userID, id int64) item     { return key(tokenPartition(userID, pages.BucketOf(id)), id) }
func nameKey(name string) item           { return key("N#"+name, 0) }
func policyKey(userID int64) item        { return key(userPartition(userID), -1) }
func walletKey(userID int64) item        { return key(fmt.Sprintf("%s%d", walletPrefix, userID), 0) }
func pricesKey() item                    { return key("P", 0) }
func directoryKey(userID int64) item     { return key(directoryPartition, userID) }
func purgeMarkKey(userID, id int64) item { return key(fmt.Sprintf("X#%d#%d", userID, id), 0) }
func responseKey(userID int64, requestID string, part token.ResponsePart) item {
	return key(fmt.Sprintf("I#%d#%s", userID, requestID), int64(part))
}

func key(partition string, sort int64) item {
	return item{PartitionKey: text(partition), SortKey: number(sort)}
}

// sameKey reports whether two items have the same key.
func sameKey(a, b item) bool {
	ra, rb := reader{item: a}, reader{item: b}
	return ra.text(PartitionKey) == rb.text(PartitionKey) && ra.number(SortKey) == rb.number(SortKey)
}

// parseTokenKey returns the ids in the key of a TOKEN item; ok is false for
// any other item.
func parseTokenKey(partition, sort string) (userID, id int64, ok bool) {
	user, _, _ := strings.Cut(strings.TrimPrefix(partition, tokenPrefix), "#")
	userID, err := strconv.ParseInt(user, 10, 64)
	if err != nil || userID < 1 {
		return 0, 0, false
	}
	id, err = strconv.ParseInt(sort, 10, 64)
	if err != nil || id < 1 {
		return 0, 0, false
	}
	// Accept only a key exactly as the store writes it.
	exact := partition == tokenPartition(userID, pages.BucketOf(id)) && sort == strconv.FormatInt(id, 10)
	return userID, id, exact
}
