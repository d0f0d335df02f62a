package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// newTable is a Table, not a TableV2: that one becomes a global table, which
// neither local engines nor SAM know. With the name of a table that exists,
// it is that one, and how it is kept is its own matter.
func newTable(stack awscdk.Stack, stage Stage, options Options) awsdynamodb.ITable {
	if options.Table != "" {
		existing := &awsdynamodb.TableAttributes{TableName: &options.Table}
		if options.TableStream != "" {
			existing.TableStreamArn = &options.TableStream
		}
		return awsdynamodb.Table_FromTableAttributes(stack, jsii.String("Table"), existing)
	}
	table := awsdynamodb.NewTable(stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:        &awsdynamodb.Attribute{Name: jsii.String(dynamo.PartitionKey), Type: awsdynamodb.AttributeType_STRING},
		SortKey:             &awsdynamodb.Attribute{Name: jsii.String(dynamo.SortKey), Type: awsdynamodb.AttributeType_NUMBER},
		TimeToLiveAttribute: jsii.String(dynamo.TTL),
		// The keys say whose token TTL removed; no more is needed to count it.
		Stream:               awsdynamodb.StreamViewType_KEYS_ONLY,
		BillingMode:          awsdynamodb.BillingMode_PAY_PER_REQUEST,
		MaxReadRequestUnits:  orNone(stage.MaxReadUnits),
		MaxWriteRequestUnits: orNone(stage.MaxWriteUnits),
		// AWS's own key encrypts for nothing. A key of KMS costs by month and
		// by request, and would guard hashes and masks only.
		Encryption: awsdynamodb.TableEncryption_DEFAULT,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(stage.Backups),
		},
		DeletionProtection: jsii.Bool(stage.KeepData),
		RemovalPolicy:      stage.removal(),
	})
	if !stage.Backups {
		accept(table, "AwsSolutions-DDB3", "The data of stage "+stage.Name+" is made up and ends with the stack: there is nothing to restore.")
	}
	return table
}

// orNone is a limit, or nil for 0, which is none.
func orNone(limit float64) *float64 {
	if limit == 0 {
		return nil
	}
	return &limit
}
