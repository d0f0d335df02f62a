package dynamo_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// sized returns an item of the given size in bytes.
func sized(id string, bytes int) item {
	it := item{"pk": &types.AttributeValueMemberS{Value: id}, "sk": &types.AttributeValueMemberN{Value: "0"}, "x": &types.AttributeValueMemberS{}}
	it["x"] = &types.AttributeValueMemberS{Value: strings.Repeat("x", bytes-itemSize(it))}
	return it
}

// Each kind of write counts the units that DynamoDB charges, made or refused: one
// for each KiB of the larger of the stored and the new item, and twice in a
// transaction.
func TestWriteUnits(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	client, table := dynamotest.ProductClient(kit.Endpoint), aws.String(dynamotest.Table)
	const total, old = types.ReturnConsumedCapacityTotal, types.ReturnValuesOnConditionCheckFailureAllOld
	never := aws.String("attribute_not_exists(pk)")
	put := func(it item, condition *string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: it, ConditionExpression: condition, ReturnConsumedCapacity: total, ReturnValuesOnConditionCheckFailure: old})
			return err
		}
	}
	key := func(id string) item { k := sized(id, 40); delete(k, "x"); return k }
	update := func(id, condition string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: table, Key: key(id), UpdateExpression: aws.String("REMOVE y"), ConditionExpression: &condition,
				ReturnConsumedCapacity: total, ReturnValuesOnConditionCheckFailure: old,
			})
			return err
		}
	}
	both := func(condition *string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: total, TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: table, Item: sized("new", 1500), ConditionExpression: never}},
				{Update: &types.Update{TableName: table, Key: key("large"), UpdateExpression: aws.String("REMOVE y"), ConditionExpression: condition, ReturnValuesOnConditionCheckFailure: old}},
			}})
			return err
		}
	}
	remove := func(ctx context.Context) error {
		_, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key("small"), ReturnConsumedCapacity: total})
		return err
	}
	const exists, missing = "attribute_exists(pk)", "attribute_not_exists(pk)"
	for _, tt := range []struct {
		name    string
		refused bool
		units   float64
		do      func(context.Context) error
	}{
		{"put", false, 1, put(sized("small", 1024), nil)},
		{"put 1025 bytes", false, 2, put(sized("middle", 1025), nil)},
		{"put 2500 bytes", false, 3, put(sized("large", 2500), nil)},
		{"update", false, 3, update("large", exists)},
		{"refused put of a smaller item", true, 3, put(sized("large", 100), never)},
		{"refused put of a larger item", true, 4, put(sized("large", 4000), never)},
		{"refused update, 1024 bytes", true, 1, update("small", missing)},
		{"refused update, 1025 bytes", true, 2, update("middle", missing)},
		{"refused update without an item", true, 1, update("none", exists)},
		{"refused transaction", true, 2 * (2 + 3), both(aws.String(missing))},
		{"transaction", false, 2 * (2 + 3), both(aws.String(exists))},
		{"delete", false, 1, remove},
	} {
		ctx, meter := reqlog.WithMeter(t.Context())
		err := tt.do(ctx)
		if (err != nil) != tt.refused {
			t.Fatalf("%s: got error %v, want one: %t", tt.name, err, tt.refused)
		}
		if got, want := meter.Cost(), (reqlog.Cost{WriteUnits: tt.units, RoundTrips: 1}); got != want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, want)
		}
	}
}

// The size that refused writes are charged by is that of the documentation, as the
// tests compute it, for every item that the store writes.
func TestSizeOfItems(t *testing.T) {
	t.Parallel()
	for name, it := range shapes() {
		if got, want := dynamo.SizeOf(it), itemSize(it); got != want {
			t.Errorf("%s: got %d bytes, want %d", name, got, want)
		}
	}
}

// A call that fails for another reason than a condition counts no units.
func TestFailedCallUnits(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("no answer"), &types.ProvisionedThroughputExceededException{},
		&types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("TransactionConflict")}}},
	} {
		in := &dynamodb.TransactWriteItemsInput{TransactItems: make([]types.TransactWriteItem, 1)}
		if got := dynamo.RefusedUnits(in, err); got != 0 {
			t.Errorf("got %v units for %v, want 0", got, err)
		}
	}
}
