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
)

// A role without an action gets AWS's error and changes nothing. A transaction
// needs the actions of its parts.
func TestGuard(t *testing.T) {
	kit := dynamotest.New(t)
	guard := dynamotest.NewGuard(t, kit.Endpoint, []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"})
	client := dynamotest.Client(guard.URL)
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}, "sk": &types.AttributeValueMemberN{Value: "1"}}
	table := aws.String(dynamotest.Table)
	put := types.TransactWriteItem{Put: &types.Put{TableName: table, Item: key}}
	check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: table, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "b"}, "sk": key["sk"]},
	}}
	write := func(parts ...types.TransactWriteItem) error {
		_, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: parts})
		return err
	}
	var denied smithy.APIError
	if err := write(put, check); !errors.As(err, &denied) || denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("a transaction with a check: got %v, want AccessDeniedException", err)
	}
	if got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: key}); err != nil || got.Item != nil {
		t.Errorf("get: got %v, %v, want no item", got, err)
	}
	if err := write(put); err != nil {
		t.Errorf("a transaction that puts: got %v, want it allowed", err)
	}
	if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: key}); !errors.As(err, &denied) {
		t.Errorf("delete: got %v, want AccessDeniedException", err)
	}
	if got, want := guard.Refused(), []string{"dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"}; !slices.Equal(got, want) {
		t.Errorf("got %v refused, want %v", got, want)
	}
	if got, want := guard.Unused(), []string{"dynamodb:Query"}; !slices.Equal(got, want) {
		t.Errorf("got %v unused, want %v", got, want)
	}
}
