package dynamotest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// CopyFirstToken adds n copies of a tenant's only token, each with a new key, and
// returns the keys. It writes them in batches, with the counter that creating
// them one by one would have given.
func (k *Kit) CopyFirstToken(t testing.TB, tenant *Tenant, n int64) []credential.Key {
	t.Helper()
	userID, client := tenant.Access.UserID, Client(k.Endpoint)
	address := func(id int64) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("T#%d#%d", userID, (id-1)/bucketSize)},
			"sk": &types.AttributeValueMemberN{Value: strconv.FormatInt(id, 10)},
		}
	}
	first, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(Table), Key: address(1), ConsistentRead: aws.Bool(true)})
	if err != nil || first.Item == nil {
		t.Fatalf("read the first token of user %d: %v", userID, err)
	}
	keys := make([]credential.Key, n)
	writes := make([]types.WriteRequest, n)
	for i := range keys {
		keys[i] = credential.NewKey(userID, int64(i)+2)
		hash, it := keys[i].Hash(), maps.Clone(first.Item)
		maps.Copy(it, address(keys[i].TokenID))
		it["hash"] = &types.AttributeValueMemberB{Value: hash[:]}
		writes[i] = types.WriteRequest{PutRequest: &types.PutRequest{Item: it}}
	}
	for batch := range slices.Chunk(writes, 25) {
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{Table: batch}})
		if err != nil || len(out.UnprocessedItems) > 0 {
			t.Fatalf("write tokens of user %d: %v, %d tables left", userID, err, len(out.UnprocessedItems))
		}
	}
	_, err = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(Table), UpdateExpression: aws.String("SET seq = seq + :n"), ConditionExpression: aws.String("seq = :one"),
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("U#%d", userID)}, "sk": &types.AttributeValueMemberN{Value: "0"},
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":n": &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}, ":one": &types.AttributeValueMemberN{Value: "1"},
		},
	})
	if err != nil {
		t.Fatalf("count tokens of user %d: %v", userID, err)
	}
	return keys
}
