package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
)

// markFor is how long a MARK stays. A stream keeps its records for 24 hours,
// and a queue of failed ones keeps them for 14 days: no record comes later.
const markFor = int64(15 * 24 * time.Hour / time.Second)

// A Change is a record of the table's stream: which item was changed, how, and
// by whom.
type StreamRecord struct {
	Event             string // INSERT, MODIFY or REMOVE
	Actor, Principal  string // type and id of who did it, empty for a caller of the API
	Partition, Number string // the item's keys
}

// Purged is the token that DynamoDB removed because its time was over. It is
// false for any other change: of those that callers make, each counts its own.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func (c StreamRecord) Purged() (userID, id int64, ok bool) {
	if c.Event != "REMOVE" || c.Actor != "Service" || c.Principal != "dynamodb.amazonaws.com" {
		return 0, 0, false
	}
	return tokenOf(c.Partition, c.Number)
}

// tokenOf reads the keys of a token's item. It is false for another item's.
func tokenOf(partition, number string) (userID, id int64, ok bool) {
	user, _, _ := strings.Cut(strings.TrimPrefix(partition, "T#"), "#")
	userID, err := strconv.ParseInt(user, 10, 64)
	if err != nil || userID < 1 {
		return 0, 0, false
	}
	id, err = strconv.ParseInt(number, 10, 64)
	if err != nil || id < 1 {
		return 0, 0, false
	}
	// Only the keys that the store would write are a token's.
	exact := partition == tokenPartition(userID, pages.BucketOf(id)) && number == strconv.FormatInt(id, 10)
	return userID, id, exact
}

// CountPurges counts the tokens that DynamoDB removed, among changes that may
// come late, in any order and several times. It stops at the first that can't
// be counted; those before it, done of them, are dealt with, counted of them
// were purged tokens.
func (s *Store) CountPurges(ctx context.Context, changes []StreamRecord, now int64) (done, counted int, err error) {
	for _, c := range changes {
		if userID, id, ok := c.Purged(); ok {
			if err := s.CountPurge(ctx, userID, id, now); err != nil {
				return done, counted, err
			}
			counted++
		}
		done++
	}
	return done, counted, nil
}

// CountPurge counts that DynamoDB removed a token, once, however often it is
// called for it: the mark that it leaves, for longer than a stream may repeat
// itself, says that this is done. That the id was never given is an error.
func (s *Store) CountPurge(ctx context.Context, userID, id, now int64) error {
	writes := append([]types.TransactWriteItem{{Put: s.putNew(markItem(userID, id, now))}}, s.count(userID, id)...)
	reasons, err := s.transact(ctx, writes...)
	if reasons != nil && reasons[0].failed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("count purge of token %d/%d: %w", userID, id, err)
	}
	return nil
}

func markItem(userID, id, now int64) item {
	it := markKey(userID, id)
	it[TTL] = number(now + markFor)
	return it
}
