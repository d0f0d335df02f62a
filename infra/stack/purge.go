package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/eventsource"
)

// A purge is the reader of the stream that counts the tokens that TTL removes, and
// the queue of removals that it failed to count.
type purge struct {
	streamReader
	stage string // its name
	queue awssqs.Queue
}

// newPurge lets the function purge read the table's stream.
func newPurge(stage Stage, functions []*function, table awsdynamodb.ITable) *purge {
	reader := newStreamReader(eventsource.Purge(), functions, table)
	p := &purge{*reader, stage.Name, newUncounted(reader.function, stage)}
	p.allow(p.queue.QueueArn(), "sqs:SendMessage")
	return p
}

// newUncounted makes the queue of removals that failed too often. Lambda writes
// the positions of the records in the stream there, not their contents.
func newUncounted(f *function, stage Stage) awssqs.Queue {
	queue := newQueue(f, "Uncounted", stage, nil)
	accept(queue, "AwsSolutions-SQS3", "This is a dead-letter queue itself. Only an operator reads it.")
	return queue
}

// connect makes Lambda read the stream.
func (p *purge) connect() {
	p.streamReader.connect(&awslambda.CfnEventSourceMapping_DestinationConfigProperty{
		OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: p.queue.QueueArn()},
	})
}

// uncounted returns the number of messages in the queue.
func (p *purge) uncounted() awscloudwatch.IMetric {
	return p.queue.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Messages in the queue"),
	})
}
