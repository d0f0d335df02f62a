package dynamo_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
)

// removeItem removes a token's item without counting it, as DynamoDB does when
// the time to live is over.
func removeItem(t testing.TB, kit *dynamotest.Kit, userID, id int64) {
	t.Helper()
	_, err := dynamotest.Client(kit.Endpoint).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(dynamotest.Table), Key: dynamo.TokenKey(userID, id),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A purge is counted once, however often it is reported.
func TestPurgeIsCountedOnce(t *testing.T) {
	t.Parallel()
	for _, given := range []int64{3, pages.SegmentSize + 3} {
		t.Run(fmt.Sprint("token ", given), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "alice")
			uid := tenant.Access.UserID
			load(t, kit, tenant, given, func(id int64) bool { return id < given })
			removeItem(t, kit, uid, given)
			for range 3 {
				if err := kit.Store.CountPurge(t.Context(), uid, given, nil, dynamotest.Epoch); err != nil {
					t.Fatal(err)
				}
			}
			if got := kit.Audit(t, uid); got.Deleted != given {
				t.Errorf("got %d deletions counted, want %d", got.Deleted, given)
			}
		})
	}
}

// The purge of an id that was never given is an error and is not counted.
func TestPurgeOfUnknownToken(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "alice")
	mustCreate(t, tenant, 1)
	for _, ids := range [][2]int64{{tenant.Access.UserID, 2}, {99, 1}} {
		var cancelled *types.TransactionCanceledException
		if err := kit.Store.CountPurge(t.Context(), ids[0], ids[1], nil, dynamotest.Epoch); !errors.As(err, &cancelled) {
			t.Errorf("token %v: got error %v, want a cancelled transaction", ids, err)
		}
	}
	kit.Audit(t, tenant.Access.UserID)
}

// Only the removal of a token by DynamoDB's time-to-live service is a purge.
func TestPurgedRecords(t *testing.T) {
	t.Parallel()
	purged := dynamo.StreamRecord{Event: "REMOVE", Actor: "Service", Principal: "dynamodb.amazonaws.com", Partition: "T#7#1", Number: "257"}
	if userID, id, ok := purged.Purged(); !ok || userID != 7 || id != 257 {
		t.Fatalf("got %d/%d, %t, want 7/257", userID, id, ok)
	}
	for name, edit := range map[string]func(r *dynamo.StreamRecord){
		"a caller's removal":  func(r *dynamo.StreamRecord) { r.Actor, r.Principal = "", "" },
		"another service":     func(r *dynamo.StreamRecord) { r.Principal = "replication.dynamodb.amazonaws.com" },
		"a user":              func(r *dynamo.StreamRecord) { r.Actor = "User" },
		"a change":            func(r *dynamo.StreamRecord) { r.Event = "MODIFY" },
		"a saved response":    func(r *dynamo.StreamRecord) { r.Partition, r.Number = "I#7#abc", "0" },
		"a mark":              func(r *dynamo.StreamRecord) { r.Partition, r.Number = "X#7#257", "0" },
		"META":                func(r *dynamo.StreamRecord) { r.Partition, r.Number = "U#7", "0" },
		"bucket below":        func(r *dynamo.StreamRecord) { r.Number = "256" },
		"bucket above":        func(r *dynamo.StreamRecord) { r.Number = "513" },
		"no id":               func(r *dynamo.StreamRecord) { r.Partition, r.Number = "T#7#0", "0" },
		"negative id":         func(r *dynamo.StreamRecord) { r.Partition, r.Number = "T#7#0", "-1" },
		"id with a zero":      func(r *dynamo.StreamRecord) { r.Number = "0257" },
		"id with a fraction":  func(r *dynamo.StreamRecord) { r.Number = "257.0" },
		"no sort key":         func(r *dynamo.StreamRecord) { r.Number = "" },
		"no user":             func(r *dynamo.StreamRecord) { r.Partition = "T#0#1" },
		"user with a plus":    func(r *dynamo.StreamRecord) { r.Partition = "T#+7#1" },
		"no bucket":           func(r *dynamo.StreamRecord) { r.Partition = "T#7" },
		"one part too many":   func(r *dynamo.StreamRecord) { r.Partition = "T#7#1#1" },
		"another kind":        func(r *dynamo.StreamRecord) { r.Partition = "7#1" },
		"an empty record":     func(r *dynamo.StreamRecord) { *r = dynamo.StreamRecord{} },
		"id above all int64s": func(r *dynamo.StreamRecord) { r.Number = "9223372036854775808" },
	} {
		r := purged
		edit(&r)
		if userID, id, ok := r.Purged(); ok {
			t.Errorf("%s: got token %d/%d, want none", name, userID, id)
		}
	}
}
