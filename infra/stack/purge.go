package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/api"
)

// How removals come to the function that counts them. template.yaml says the
// same, and the parity test holds it to that.
const (
	// RemovalsAtOnce are few enough to be counted, one after the other, within
	// the function's time-out, also when each has to be asked for again.
	RemovalsAtOnce = 25
	// RemovalRetries is how often a batch comes again before its first half
	// and its second come by themselves.
	RemovalRetries = 10
	// RemovalMaxAgeSeconds is less than the day for which a stream keeps a
	// record: what can't be counted comes to the queue, and is not lost.
	RemovalMaxAgeSeconds = 23 * 60 * 60
	removalWindowSeconds = 5
	// RemovalFilter lets through what time to live has removed, of tokens
	// alone: the function is not called, and costs nothing, for the others.
	RemovalFilter = `{"eventName":["REMOVE"],"userIdentity":{"type":["Service"],"principalId":["dynamodb.amazonaws.com"]},"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"T#"}]}}}}`
)

// feedPurge leads the table's stream to the function that counts removals. It
// is to come after the canaries, which put an alias in the function's place.
func feedPurge(stage Stage, functions []*function, table awsdynamodb.ITable) {
	if table.TableStreamArn() == nil {
		return // a table that was restored has no stream, until it gets one
	}
	f := find(functions, api.Purge)
	queue := newRemovalQueue(f.scope, stage)
	f.target.AddEventSource(awslambdaeventsources.NewDynamoEventSource(table, &awslambdaeventsources.DynamoEventSourceProps{
		StartingPosition:        awslambda.StartingPosition_TRIM_HORIZON,
		BatchSize:               jsii.Number(RemovalsAtOnce),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(removalWindowSeconds)),
		BisectBatchOnError:      jsii.Bool(true),
		ReportBatchItemFailures: jsii.Bool(true),
		RetryAttempts:           jsii.Number(RemovalRetries),
		MaxRecordAge:            awscdk.Duration_Seconds(jsii.Number(RemovalMaxAgeSeconds)),
		OnFailure:               awslambdaeventsources.NewSqsDlq(queue),
		Filters:                 &[]*map[string]any{{"pattern": RemovalFilter}},
	}))
	f.uncounted = queue
}

// newRemovalQueue keeps for two weeks which records could not be counted. SQS
// encrypts it for nothing.
func newRemovalQueue(scope constructs.Construct, stage Stage) awssqs.Queue {
	queue := awssqs.NewQueue(scope, jsii.String("Uncounted"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   stage.removal(),
	})
	accept(queue, "AwsSolutions-SQS3", "This is where what failed goes: it needs no such place itself.")
	return queue
}

// watchPurge tells that removals are not counted: some for good, or all of
// them for hours.
func (a *alarms) watchPurge(functions []*function) {
	f := find(functions, api.Purge)
	if f.uncounted == nil {
		return
	}
	a.add(f.scope, alarm{
		id: "NotCounted", threshold: 1, bad: 1, of: 1,
		says:   "Expired tokens were removed and could not be counted: totals are too high. Mend what the function's log says, run `tokenctl reconcile` for the users, then purge the queue.",
		metric: uncounted(f),
	})
	a.add(f.scope, alarm{
		id: "Behind", threshold: 6 * 60 * 60 * 1000, bad: 1, of: 1,
		says:   "Removals wait for 6 hours or longer to be counted, and are lost to the stream after 24: look at the function's log.",
		metric: behind(f),
	})
}

func uncounted(f *function) awscloudwatch.IMetric {
	return f.uncounted.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Removals not counted"),
	})
}

func behind(f *function) awscloudwatch.IMetric {
	return f.lambda.Metric(jsii.String("IteratorAge"), &awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Age of removals, ms"),
	})
}

func find(functions []*function, name string) *function {
	for _, f := range functions {
		if f.Name == name {
			return f
		}
	}
	panic("there is no function " + name) // as CDK does
}
