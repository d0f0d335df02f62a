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

	"github.com/latchkey-api/latchkey/infra/removals"
	"github.com/latchkey-api/latchkey/shared/api"
)

// A purge is the function that counts what TTL removes, with the stream that
// tells it and the queue where removals end that it could not count.
type purge struct {
	function *function
	stream   *string // its ARN
	queue    awssqs.Queue
}

// newPurge lets function purge read the table's stream. It is nil for a table
// without one: there is nothing to read then.
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
	// By hand, because CDK's grants are wider: to list streams, and to ask the
	// queue for its attributes.
	allow(stream, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
	allow(jsii.String("*"), "dynamodb:ListStreams")
	policy := p.function.lambda.Role().Node().FindChild(jsii.String("DefaultPolicy"))
	accept(policy, "AwsSolutions-IAM5", "The action ListStreams, without which Lambda reads no stream, knows no resources but *.", "Resource::*")
	allow(p.queue.QueueArn(), "sqs:SendMessage")
	return p
}

// newUncounted is the queue of what failed too often. Lambda writes there
// which records of the stream those are, not what stands in them.
func newUncounted(f *function, stage Stage) awssqs.Queue {
	queue := awssqs.NewQueue(f.scope, jsii.String("Uncounted"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)), // the longest there is
		RemovalPolicy:   stage.removal(),
	})
	accept(queue, "AwsSolutions-SQS3", "It is a dead-letter queue itself: nothing reads it but an operator.")
	return queue
}

// connect has Lambda read the stream for the function, or its alias: a canary
// then gets a tenth of the batches, and what it fails comes again.
func (p *purge) connect() {
	if p == nil {
		return
	}
	awslambda.NewCfnEventSourceMapping(p.function.scope, jsii.String("Removals"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   p.function.target.FunctionArn(),
		EventSourceArn:                 p.stream,
		StartingPosition:               jsii.String(removals.StartingPosition),
		BatchSize:                      jsii.Number(removals.BatchSize),
		MaximumBatchingWindowInSeconds: jsii.Number(removals.Window.Seconds()),
		MaximumRecordAgeInSeconds:      jsii.Number(removals.MaxAge.Seconds()),
		MaximumRetryAttempts:           jsii.Number(removals.Retries),
		BisectBatchOnFunctionError:     jsii.Bool(removals.Bisect),
		FunctionResponseTypes:          jsii.Strings(removals.Response),
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: &[]*awslambda.CfnEventSourceMapping_FilterProperty{{Pattern: jsii.String(removals.Filter())}},
		},
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: p.queue.QueueArn()},
		},
	})
}

// iteratorAge is how far purge is behind the stream, in milliseconds.
func (p *purge) iteratorAge() awscloudwatch.IMetric {
	return p.function.lambda.Metric(jsii.String("IteratorAge"), &awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Behind the stream, ms"),
	})
}

func (p *purge) uncounted() awscloudwatch.IMetric {
	return p.queue.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Messages in the queue"),
	})
}
