package dynamotest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// A request needs one statement with its action and all its partitions. Without, it
// gets AWS's error and changes nothing. A transaction needs the rights of its parts.
func TestGuard(t *testing.T) {
	kit := dynamotest.New(t)
	guard := dynamotest.NewGuard(t, kit.Endpoint, []dynamotest.Statement{
		{Actions: []string{"dynamodb:BatchGetItem", "dynamodb:GetItem"}, Partitions: []string{"A#*", "B"}},
		{Actions: []string{"dynamodb:BatchGetItem", "dynamodb:PutItem"}, Partitions: []string{"C"}},
		{Actions: []string{"dynamodb:DeleteItem"}, Partitions: []string{"D"}},
	})
	client := dynamotest.Client(guard.URL)
	table := aws.String(dynamotest.Table)
	key := func(partition string) dynamo.Item {
		return dynamo.Item{"pk": &types.AttributeValueMemberS{Value: partition}, "sk": &types.AttributeValueMemberN{Value: "1"}}
	}
	get := func(partition string) error {
		_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: key(partition)})
		return err
	}
	batch := func(partitions ...string) error {
		var keys []map[string]types.AttributeValue
		for _, partition := range partitions {
			keys = append(keys, key(partition))
		}
		_, err := client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{dynamotest.Table: {Keys: keys}},
		})
		return err
	}
	put := func(partition string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: table, Item: key(partition)}}
	}
	check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: table, Key: key("A#1"), ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}
	deletion := types.TransactWriteItem{Delete: &types.Delete{TableName: table, Key: key("D")}}
	write := func(parts ...types.TransactWriteItem) error {
		_, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: parts})
		return err
	}
	for name, err := range map[string]error{
		"a right of another partition":       get("C"),
		"the beginning of a partition":       get("B#1"),
		"a right of another action":          write(put("C"), put("A#1")),
		"a transaction with a check":         write(put("C"), check),
		"a transaction of two statements":    write(put("C"), deletion),
		"a batch that needs two statements":  batch("A#1", "C"),
		"a batch with a key that is refused": batch("B", "A"),
	} {
		if denied := smithy.APIError(nil); !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
			t.Errorf("%s: got %v, want AccessDeniedException", name, err)
		}
	}
	if got, err := kit.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: key("C")}); err != nil || got.Item != nil {
		t.Errorf("get: got %v, %v, want no item", got, err)
	}
	for name, err := range map[string]error{"a batch": batch("A#1", "B"), "a batch of the second statement": batch("C"), "a transaction that puts": write(put("C"))} {
		if err != nil {
			t.Errorf("%s: got %v, want it allowed", name, err)
		}
	}
	refused := []string{
		"dynamodb:BatchGetItem on A#1, C", "dynamodb:BatchGetItem on B, A", "dynamodb:ConditionCheckItem on A#1",
		"dynamodb:DeleteItem on C, D", "dynamodb:GetItem on B#1", "dynamodb:GetItem on C", "dynamodb:PutItem on A#1",
		"dynamodb:PutItem on C, A#1", "dynamodb:PutItem on C, D",
	}
	if got := guard.Refused(); !slices.Equal(got, refused) {
		t.Errorf("got %q refused, want %q", got, refused)
	}
	if got, want := guard.Unused(), []string{"dynamodb:GetItem on A#*", "dynamodb:GetItem on B"}; !slices.Equal(got, want) {
		t.Errorf("got %q unused, want %q", got, want)
	}
}
