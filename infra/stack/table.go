package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// tableOf returns the table that the functions use: the stage's own, or the
// existing one that options name, whose settings it leaves alone. The stack keeps
// its own table beside that one, so that no deployment deletes it or makes another,
// empty one.
func tableOf(stack awscdk.Stack, options Options, own awsdynamodb.ITable) awsdynamodb.ITable {
	if options.Table == "" {
		return own
	}
	return awsdynamodb.Table_FromTableAttributes(stack, jsii.String("ExistingTable"), &awsdynamodb.TableAttributes{
		TableName: &options.Table, TableStreamArn: &options.TableStream,
	})
}

// newTable makes the table. It uses CDK's Table, because a TableV2 becomes a global
// table, which local engines and SAM do not support.
func newTable(stack awscdk.Stack, stage Stage) awsdynamodb.ITable {
	table := awsdynamodb.NewTable(stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:        &awsdynamodb.Attribute{Name: jsii.String(dynamo.PartitionKey), Type: awsdynamodb.AttributeType_STRING},
		SortKey:             &awsdynamodb.Attribute{Name: jsii.String(dynamo.SortKey), Type: awsdynamodb.AttributeType_NUMBER},
		TimeToLiveAttribute: jsii.String(dynamo.TTL),
		// What a change charged is the difference of both images. The item that TTL
		// removed says what its token had drawn from the wallet of its user, which gets
		// back what was not used.
		Stream:               awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES,
		BillingMode:          awsdynamodb.BillingMode_PAY_PER_REQUEST,
		MaxReadRequestUnits:  orNone(stage.MaxReadUnits),
		MaxWriteRequestUnits: orNone(stage.MaxWriteUnits),
		// Encryption with a key that AWS owns is free. A KMS key costs money
		// per month and per request, and would protect only hashes and masks.
		Encryption: awsdynamodb.TableEncryption_DEFAULT,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(stage.Backups),
		},
		DeletionProtection: jsii.Bool(stage.KeepData),
		RemovalPolicy:      stage.removalOfTable(),
	})
	if !stage.Backups {
		accept(table, "AwsSolutions-DDB3", "Stage "+stage.Name+" holds test data that is deleted with the stack, so there is nothing to restore.")
	}
	return table
}

// orNone returns the limit, or nil if it is 0, which means no limit.
func orNone(limit float64) *float64 {
	if limit == 0 {
		return nil
	}
	return &limit
}
