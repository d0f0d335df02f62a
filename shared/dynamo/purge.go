package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// purgeMarkSeconds is how long a MARK item is kept. A stream keeps its records
// for 24 hours, and the queue of failed records for 14 days, so no record
// arrives later than that.
const purgeMarkSeconds = int64(15 * 24 * time.Hour / time.Second)

// A StreamRecord is one change of an item, from the table's stream.
type StreamRecord struct {
	Event            string // INSERT, MODIFY or REMOVE
	Actor, Principal string // type and id of the AWS service that made the change; empty if a caller of DynamoDB made it
	Partition        string // the item's partition key
	Number           string // the item's sort key, in decimal
	Before           Item   // the item before the change
}

// An Item is an item as DynamoDB stores it.
type Item = map[string]types.AttributeValue

// Purged returns the token that DynamoDB removed because its time to live was
// over. ok is false for every other change: a caller that removes a token
// counts the removal itself.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func (r StreamRecord) Purged() (userID, id int64, ok bool) {
	if r.Event != "REMOVE" || r.Actor != "Service" || r.Principal != "dynamodb.amazonaws.com" {
		return 0, 0, false
	}
	return parseTokenKey(r.Partition, r.Number)
}

// CountPurges counts the tokens that DynamoDB removed. The records may come
// late, in any order and more than once. It stops at the first record that it
// can't count; done is the number of records before it, and counted is how
// many of these were purged tokens. now is in Unix seconds.
func (s *Store) CountPurges(ctx context.Context, records []StreamRecord, now int64) (done, counted int, err error) {
	for _, r := range records {
		if userID, id, ok := r.Purged(); ok {
			if err := s.CountPurge(ctx, userID, id, r.Before, now); err != nil {
				return done, counted, err
			}
			counted++
		}
		done++
	}
	return done, counted, nil
}

// CountPurge counts the removal of a token by DynamoDB. Further calls for the
// same token change nothing: the first one stores a MARK item that is kept for
// longer than a stream record may be repeated. Of a user who was deleted,
// nothing is counted. An id that was never given is an error. last is the item
// that was removed: what the token had drawn from its user's wallet and not used
// returns to it.
func (s *Store) CountPurge(ctx context.Context, userID, id int64, last Item, now int64) error {
	t, err := readToken(last, userID)
	if err != nil {
		return fmt.Errorf("read purged token %d/%d: %w", userID, id, err)
	}
	for {
		writes := append([]write{s.putNew(purgeMarkItem(userID, id, now))}, s.countWrites(userID, id)...)
		back := s.returnWrites(t)
		reasons, err := s.transact(ctx, append(writes, back...)...)
		switch {
		case err == nil, reasons != nil && (reasons[0].failed || userGone(reasons[1])):
			return nil
		case reasons != nil && back != nil && reasons[len(writes)].failed:
			t.Block = token.Block{} // void
		default:
			return fmt.Errorf("count purge of token %d/%d: %w", userID, id, err)
		}
	}
}

func purgeMarkItem(userID, id, now int64) item {
	it := purgeMarkKey(userID, id)
	it[TTL] = number(now + purgeMarkSeconds)
	return it
}
