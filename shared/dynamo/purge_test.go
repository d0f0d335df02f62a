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

// remove takes a token away as DynamoDB does when its time is over: the item
// alone, and nobody has counted it.
func remove(t testing.TB, kit *dynamotest.Kit, userID, id int64) {
	t.Helper()
	_, err := dynamotest.Client(kit.Endpoint).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(dynamotest.Table), Key: dynamo.TokenKey(userID, id),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPurgeIsCountedOnce(t *testing.T) {
	t.Parallel()
	for _, given := range []int64{3, pages.SegmentSize + 3} {
		t.Run(fmt.Sprint("token ", given), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "alice")
			uid := tenant.Access.UserID
			load(t, kit, tenant, given, func(id int64) bool { return id < given })
			remove(t, kit, uid, given)
			for range 3 {
				if err := kit.Store.CountPurge(t.Context(), uid, given, dynamotest.Epoch); err != nil {
					t.Fatal(err)
				}
			}
			if got := kit.Audit(t, uid); got.Deleted != given {
				t.Errorf("got %d deletions counted, want %d", got.Deleted, given)
			}
		})
	}
}

func TestAPurgeOfWhatWasNeverGivenIsNotCounted(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "alice")
	mustCreate(t, tenant, 1)
	for _, who := range [][2]int64{{tenant.Access.UserID, 2}, {99, 1}} {
		var cancelled *types.TransactionCanceledException
		if err := kit.Store.CountPurge(t.Context(), who[0], who[1], dynamotest.Epoch); !errors.As(err, &cancelled) {
			t.Errorf("token %v: got error %v, want a cancelled transaction", who, err)
		}
	}
	kit.Audit(t, tenant.Access.UserID)
}

func TestOnlyTheTTLServicesRemovalOfATokenIsAPurge(t *testing.T) {
	t.Parallel()
	purged := dynamo.StreamRecord{Event: "REMOVE", Actor: "Service", Principal: "dynamodb.amazonaws.com", Partition: "T#7#1", Number: "257"}
	if userID, id, ok := purged.Purged(); !ok || userID != 7 || id != 257 {
		t.Fatalf("got %d/%d, %t, want 7/257", userID, id, ok)
	}
	for name, edit := range map[string]func(c *dynamo.StreamRecord){
		"a caller's removal":  func(c *dynamo.StreamRecord) { c.Actor, c.Principal = "", "" },
		"another service":     func(c *dynamo.StreamRecord) { c.Principal = "replication.dynamodb.amazonaws.com" },
		"a user":              func(c *dynamo.StreamRecord) { c.Actor = "User" },
		"a change":            func(c *dynamo.StreamRecord) { c.Event = "MODIFY" },
		"a stored answer":     func(c *dynamo.StreamRecord) { c.Partition, c.Number = "I#7#abc", "0" },
		"a mark":              func(c *dynamo.StreamRecord) { c.Partition, c.Number = "X#7#257", "0" },
		"META":                func(c *dynamo.StreamRecord) { c.Partition, c.Number = "U#7", "0" },
		"bucket below":        func(c *dynamo.StreamRecord) { c.Number = "256" },
		"bucket above":        func(c *dynamo.StreamRecord) { c.Number = "513" },
		"no id":               func(c *dynamo.StreamRecord) { c.Partition, c.Number = "T#7#0", "0" },
		"negative id":         func(c *dynamo.StreamRecord) { c.Partition, c.Number = "T#7#0", "-1" },
		"id with a zero":      func(c *dynamo.StreamRecord) { c.Number = "0257" },
		"id with a fraction":  func(c *dynamo.StreamRecord) { c.Number = "257.0" },
		"no number":           func(c *dynamo.StreamRecord) { c.Number = "" },
		"no user":             func(c *dynamo.StreamRecord) { c.Partition = "T#0#1" },
		"user with a plus":    func(c *dynamo.StreamRecord) { c.Partition = "T#+7#1" },
		"no bucket":           func(c *dynamo.StreamRecord) { c.Partition = "T#7" },
		"one part too many":   func(c *dynamo.StreamRecord) { c.Partition = "T#7#1#1" },
		"another kind":        func(c *dynamo.StreamRecord) { c.Partition = "7#1" },
		"nothing":             func(c *dynamo.StreamRecord) { *c = dynamo.StreamRecord{} },
		"id above all int64s": func(c *dynamo.StreamRecord) { c.Number = "9223372036854775808" },
	} {
		c := purged
		edit(&c)
		if userID, id, ok := c.Purged(); ok {
			t.Errorf("%s: got token %d/%d, want none", name, userID, id)
		}
	}
}
