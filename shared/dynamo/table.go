package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateTable makes the table for local engines and tests; in AWS, the stack
// makes it. If the table exists, CreateTable only makes sure that its time to
// live is enabled. It makes no stream, because the local engine gets slower
// with the number of records in a stream.
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
		return fmt.Errorf("create table %s: %w", name, retryReads().explain(err))
	}
	active := dynamodb.NewTableExistsWaiter(client, quickly)
	if err := active.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, maxTableWait); err != nil {
		return fmt.Errorf("create table %s: %w", name, retryReads().explain(err))
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
		return fmt.Errorf("set the time to live of table %s: %w", name, retryReads().explain(err))
	}
	return nil
}

// maxTableWait is how long a table may take to become active.
const maxTableWait = 5 * time.Minute

// quickly makes a waiter look each second at first.
func quickly(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = time.Second }

// SetStream enables or disables the table's stream, for local engines and
// tests. The stream's records have the changed items as they were before and
// after.
// Setting it to its current state is not an error.
func SetStream(ctx context.Context, client *dynamodb.Client, name string, on bool) error {
	table, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return fmt.Errorf("describe the stream of table %s: %w", name, retryReads().explain(err))
	}
	current := table.Table.StreamSpecification
	isOn := current != nil && aws.ToBool(current.StreamEnabled)
	switch {
	case on && isOn && current.StreamViewType != types.StreamViewTypeNewAndOldImages:
		if err := SetStream(ctx, client, name, false); err != nil { // the view can't be changed
			return err
		}
	case on == isOn:
		return nil
	}
	stream := &types.StreamSpecification{StreamEnabled: &on}
	if on {
		stream.StreamViewType = types.StreamViewTypeNewAndOldImages
	}
	if _, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &name, StreamSpecification: stream}); err != nil {
		return fmt.Errorf("set the stream of table %s: %w", name, retryReads().explain(err))
	}
	return nil
}
