package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/shared/api"
)

// A purge is the function that counts the tokens that TTL removes, the stream
// it reads, and the queue of removals that it failed to count.
type purge struct {
	function *function
	stream   *string // its ARN
	queue    awssqs.Queue
}

// newPurge lets the function purge read the table's stream. It returns nil for
// a table without a stream.
func newPurge(stage Stage, functions []*function, table awsdynamodb.ITable) *purge {
	i := slices.IndexFunc(functions, func(f *function) bool { return f.Name == api.Purge })
	stream := table.TableStreamArn()
	if stream == nil {
		return nil
	}
	p := &purge{functions[i], stream, newUncounted(functions[i], stage)}
	allow := func(resource *string, actions ...string) {
		p.function.lambda.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(actions...), Resources: &[]*string{resource},
		}))
	}
	// Written by hand, because CDK's grants allow more, such as reading the
	// attributes of the queue.
	allow(stream, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
	allow(jsii.String("*"), "dynamodb:ListStreams")
	policy := p.function.lambda.Role().Node().FindChild(jsii.String("DefaultPolicy"))
	accept(policy, "AwsSolutions-IAM5", "Lambda needs the action ListStreams to read a stream, and it can only be allowed on *.", "Resource::*")
	allow(p.queue.QueueArn(), "sqs:SendMessage")
	return p
}

// newUncounted makes the queue of removals that failed too often. Lambda writes
// the positions of the records in the stream there, not their contents.
func newUncounted(f *function, stage Stage) awssqs.Queue {
	queue := awssqs.NewQueue(f.scope, jsii.String("Uncounted"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)), // the maximum
		RemovalPolicy:   stage.removal(),
	})
	accept(queue, "AwsSolutions-SQS3", "This is a dead-letter queue itself. Only an operator reads it.")
	return queue
}

// connect makes Lambda read the stream for the function or its alias. During a
// canary deployment the new version gets a tenth of the batches, and Lambda
// repeats those that it fails.
func (p *purge) connect() {
	if p == nil {
		return
	}
	awslambda.NewCfnEventSourceMapping(p.function.scope, jsii.String("Removals"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   p.function.target.FunctionArn(),
		EventSourceArn:                 p.stream,
		StartingPosition:               jsii.String(eventsource.StartingPosition),
		BatchSize:                      jsii.Number(eventsource.BatchSize),
		MaximumBatchingWindowInSeconds: jsii.Number(eventsource.Window.Seconds()),
		MaximumRecordAgeInSeconds:      jsii.Number(eventsource.MaxAge.Seconds()),
		MaximumRetryAttempts:           jsii.Number(eventsource.Retries),
		BisectBatchOnFunctionError:     jsii.Bool(eventsource.Bisect),
		FunctionResponseTypes:          jsii.Strings(eventsource.Response),
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: &[]*awslambda.CfnEventSourceMapping_FilterProperty{{Pattern: jsii.String(eventsource.Filter())}},
		},
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: p.queue.QueueArn()},
		},
	})
}

// iteratorAge returns how far purge is behind the stream, in milliseconds.
func (p *purge) iteratorAge() awscloudwatch.IMetric {
	return p.function.lambda.Metric(jsii.String("IteratorAge"), &awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Behind the stream, ms"),
	})
}

// uncounted returns the number of messages in the queue.
func (p *purge) uncounted() awscloudwatch.IMetric {
	return p.queue.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Messages in the queue"),
	})
}
