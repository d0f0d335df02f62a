package dynamo_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// distort adds to a counter of a user's item without reason.
func distort(t *testing.T, kit *dynamotest.Kit, userID, seg int64, counter string, by int64) {
	t.Helper()
	_, err := dynamotest.Client(kit.Endpoint).UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(dynamotest.Table), UpdateExpression: aws.String("ADD " + counter + " :n"),
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("U#%d", userID)}, "sk": &types.AttributeValueMemberN{Value: strconv.FormatInt(seg, 10)},
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: strconv.FormatInt(by, 10)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func reconcile(t *testing.T, kit *dynamotest.Kit, userID int64, dryRun bool) token.Reconciliation {
	t.Helper()
	out, err := kit.Store.Reconcile(t.Context(), userID, dynamotest.Epoch, dryRun)
	if err != nil {
		t.Fatalf("reconcile: %v", err)
	}
	return out
}

// Reconcile repairs counters that are wrong in every way, and a purge that is
// reported afterwards is not counted again. A dry run reports the same and
// changes nothing.
func TestReconcile(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "alice")
	uid := tenant.Access.UserID
	const given = pages.SegmentSize + 300
	// Tokens are left in the first two buckets, and in two of another segment.
	load(t, kit, tenant, given, func(id int64) bool { return id > 512 && id <= pages.SegmentSize })
	for id := int64(1); id <= 230; id++ { // more than one transaction accepts
		removeItem(t, kit, uid, id)
	}
	removeItem(t, kit, uid, pages.SegmentSize+1)
	distort(t, kit, uid, 0, "d1", 7)
	distort(t, kit, uid, 0, "d5", -2)
	distort(t, kit, uid, 0, "del", 100)
	distort(t, kit, uid, 1, "d1", 3)
	onlyRevoke(t, kit, tenant, 300)

	const seg = pages.SegmentSize
	want := token.Reconciliation{Buckets: 66, Unfinished: 1, Drifts: []token.Drift{
		{FirstID: 1, LastID: 256, Recorded: 0, Actual: 230},
		{FirstID: 257, LastID: 512, Recorded: 7, Actual: 0},
		{FirstID: 1281, LastID: 1536, Recorded: 254, Actual: 256},
		{FirstID: seg + 1, LastID: seg + 256, Recorded: 0, Actual: 1},
		{FirstID: seg + 257, LastID: seg + 300, Recorded: 3, Actual: 0},
	}, Total: &token.Drift{FirstID: 1, LastID: given, Recorded: given - 512 - 300 + 100, Actual: given - 512 - 300 + 7 - 2 + 3}}
	dry := reconcile(t, kit, uid, true)
	if diff := cmp.Diff(want, dry); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(dry, reconcile(t, kit, uid, true)); diff != "" {
		t.Errorf("a dry run has changed something (-before +after):\n%s", diff)
	}

	got := reconcile(t, kit, uid, false)
	// The repair has finished, and so counted, the deletion of token 300.
	want.Drifts[1] = token.Drift{FirstID: 257, LastID: 512, Recorded: 8, Actual: 1}
	change := int64(1 + 230 - 7 + 2 + 1 - 3)
	want.Total.Recorded += change
	want.Total.Actual += change
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repair (-want +got):\n%s", diff)
	}
	kit.Audit(t, uid)
	for _, id := range []int64{1, 100, 230, pages.SegmentSize + 1} {
		if err := kit.Store.CountPurge(t.Context(), uid, id, nil, dynamotest.Epoch); err != nil {
			t.Fatal(err)
		}
	}
	kit.Audit(t, uid)
	if got := reconcile(t, kit, uid, false); len(got.Drifts) > 0 || got.Total != nil || got.Unfinished > 0 {
		t.Errorf("got %+v after a repair, want nothing to do", got)
	}
}

// A repair that is interrupted at any of its calls makes no counter more wrong,
// and the next repair finishes it.
func TestInterruptedReconcile(t *testing.T) {
	t.Parallel()
	for last := 1; last <= 8; last++ {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprint(last, arrives), func(t *testing.T) {
				t.Parallel()
				kit := newKit(t)
				tenant := kit.Tenant(t, "alice")
				uid := tenant.Access.UserID
				load(t, kit, tenant, 256, nil)
				for id := int64(1); id <= 220; id++ {
					removeItem(t, kit, uid, id)
				}
				var process dynamotest.Process
				ctx := process.Start(t.Context(), last, arrives)
				_, err := kit.StoreWith(process.Configure).Reconcile(ctx, uid, dynamotest.Epoch, false)
				if died := process.Stop(); died && err == nil {
					t.Errorf("got error %v, want one, because the process died", err)
				}
				for id := int64(1); id <= 220; id += 20 { // some purges are reported late
					if err := kit.Store.CountPurge(context.WithoutCancel(t.Context()), uid, id, nil, dynamotest.Epoch); err != nil {
						t.Fatal(err)
					}
				}
				reconcile(t, kit, uid, false)
				kit.Audit(t, uid)
			})
		}
	}
}
