// Package dynamo keeps users and tokens in one DynamoDB table. It is the only
// package but boot that knows the AWS SDK; what a token may be, it asks token.
//
// The table's items and the reasons for them stand in ARCHITECTURE.md.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of every item: partition key, sort key, and the Unix second
// after which DynamoDB may remove the item.
const (
	PartitionKey = "pk"
	SortKey      = "sk"
	TTL          = "ttl"
)

type item = map[string]types.AttributeValue

// The keys of the items. No two kinds share a partition, except META and the
// segments of its user.
func userKey(userID int64) item         { return key(userPartition(userID), 0) }
func segmentKey(userID, seg int64) item { return key(userPartition(userID), seg) }
func tokenKey(userID, id int64) item    { return key(tokenPartition(userID, pages.BucketOf(id)), id) }
func nameKey(name string) item          { return key("N#"+name, 0) }
func keptKey(userID int64, requestID string, part token.ResponsePart) item {
	return key(fmt.Sprintf("I#%d#%s", userID, requestID), int64(part))
}
func directoryKey(userID int64) item    { return key(directoryPartition, userID) }
func markKey(userID, id int64) item     { return key(fmt.Sprintf("X#%d#%d", userID, id), 0) }
func userPartition(userID int64) string { return fmt.Sprintf("U#%d", userID) }
func tokenPartition(userID, bucket int64) string {
	return fmt.Sprintf("T#%d#%d", userID, bucket)
}

const directoryPartition = "D"

func key(pk string, sk int64) item {
	return item{PartitionKey: text(pk), SortKey: number(sk)}
}

// CreateTable makes the table, for local engines and tests; deployed tables
// come from the stack. Of a table that exists, it only makes sure of TTL. It
// makes no stream: with one, the local engine takes longer for each write the
// more it has seen.
func CreateTable(ctx context.Context, client *dynamodb.Client, name string) error {
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(PartitionKey), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(SortKey), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(PartitionKey), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(SortKey), KeyType: types.KeyTypeRange},
		},
	})
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("create table %s: %w", name, failure(err))
	}
	const patience = 5 * time.Minute
	active := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = time.Second })
	if err := active.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, patience); err != nil {
		return fmt.Errorf("create table %s: %w", name, failure(err))
	}
	ttl, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err == nil && ttl.TimeToLiveDescription != nil && ttl.TimeToLiveDescription.TimeToLiveStatus == types.TimeToLiveStatusEnabled {
		return nil
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(TTL), Enabled: aws.Bool(true)},
	})
	if err != nil {
		return fmt.Errorf("set time to live of table %s: %w", name, failure(err))
	}
	return nil
}

// SetStream switches the table's stream on, which tells the keys of what was
// changed and nothing of the rest, or off. As it is already is no error. It is
// for local engines and tests.
func SetStream(ctx context.Context, client *dynamodb.Client, name string, on bool) error {
	made, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return fmt.Errorf("look for the stream of table %s: %w", name, failure(err))
	}
	is := made.Table.StreamSpecification
	if on == (is != nil && aws.ToBool(is.StreamEnabled)) {
		return nil
	}
	stream := &types.StreamSpecification{StreamEnabled: &on}
	if on {
		stream.StreamViewType = types.StreamViewTypeKeysOnly
	}
	if _, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &name, StreamSpecification: stream}); err != nil {
		return fmt.Errorf("switch the stream of table %s: %w", name, failure(err))
	}
	return nil
}
