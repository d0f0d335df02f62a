package dynamotest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// Compare reports a request that the engines answer differently, and no other: the
// second engine takes equal maps for different.
func TestCompare(t *testing.T) {
	var sent dynamotest.SentRequests
	kit := dynamotest.New(t, sent.Configure)
	same := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"n": &types.AttributeValueMemberN{Value: "1"}}}
	for _, condition := range []string{"attribute_not_exists(m)", "attribute_exists(m)", "m = :same"} {
		in := &dynamodb.PutItemInput{
			TableName: aws.String(dynamotest.Table), ConditionExpression: &condition,
			Item: map[string]types.AttributeValue{dynamo.PartitionKey: &types.AttributeValueMemberS{Value: "a"}, dynamo.SortKey: &types.AttributeValueMemberN{Value: "1"}, "m": same},
		}
		if strings.Contains(condition, ":same") {
			in.ExpressionAttributeValues = map[string]types.AttributeValue{":same": same}
		}
		if _, err := kit.Client.PutItem(t.Context(), in); err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
	}
	requests, differences, err := sent.Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if requests != 3 || len(differences) != 1 || !strings.Contains(differences[0], "m = :same") {
		t.Errorf("got %d requests, and the differences %q, want 3, and one of m = :same", requests, differences)
	}
}
