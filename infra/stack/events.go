package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// An outlet is how events leave the stack: a bus of EventBridge that gets all of them,
// and a queue with a message for each webhook that wants one.
type outlet struct {
	deliver *function
	queue   awssqs.Queue
	failed  awssqs.Queue // messages that deliver could not handle
}

// newOutlet lets the function history publish events, and deliver send them to webhooks.
func newOutlet(stack awscdk.Stack, stage Stage, functions []*function) *outlet {
	named := func(name string) *function {
		return functions[slices.IndexFunc(functions, func(f *function) bool { return f.Name == name })]
	}
	history, deliver := named(api.History), named(api.Deliver)
	busName := jsii.String("latchkey-" + stage.Name)
	bus := awsevents.NewEventBus(stack, jsii.String("Events"), &awsevents.EventBusProps{
		EventBusName: busName,
		Description:  jsii.String("Latchkey " + stage.Name + ": what happens to tokens and users"),
	})
	o := &outlet{deliver: deliver, failed: newQueue(deliver, "Failed", stage, nil)}
	accept(o.failed, "AwsSolutions-SQS3", "This is a dead-letter queue itself. Only an operator reads it.")
	o.queue = newQueue(deliver, "Queue", stage, o.failed)

	setVariable(history, boot.EnvEventBus, busName)
	setVariable(history, boot.EnvWebhookQueue, o.queue.QueueUrl())
	setVariable(deliver, boot.EnvWebhookQueue, o.queue.QueueUrl())
	allow(history, bus.EventBusArn(), "events:PutEvents")
	allow(history, o.queue.QueueArn(), "sqs:SendMessage")
	// Lambda reads the queue in the name of the function, which itself only adds messages.
	allow(deliver, o.queue.QueueArn(), "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage")
	awscdk.NewCfnOutput(stack, jsii.String("EventBusName"), &awscdk.CfnOutputProps{
		Value: busName, Description: jsii.String("EventBridge bus that gets every event. Rules on it have the source latchkey."),
	})
	return o
}

// newQueue makes an encrypted queue that keeps messages for 14 days, which is the
// maximum. With a queue for those that failed, it is the queue of webhooks.
func newQueue(f *function, id string, stage Stage, failed awssqs.Queue) awssqs.Queue {
	props := &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   stage.removal(),
	}
	if failed != nil {
		props.VisibilityTimeout = awscdk.Duration_Seconds(jsii.Number(eventsource.WebhooksHidden.Seconds()))
		props.DeadLetterQueue = &awssqs.DeadLetterQueue{MaxReceiveCount: jsii.Number(eventsource.WebhooksReceives), Queue: failed}
	}
	return awssqs.NewQueue(f.scope, &id, props)
}

func setVariable(f *function, name string, value *string) {
	f.lambda.AddEnvironment(&name, value, nil)
}

func allow(f *function, resource *string, actions ...string) {
	f.lambda.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(actions...), Resources: &[]*string{resource},
	}))
}

// connect makes Lambda read the queue for the function's alias. The limit of its
// concurrency keeps slow receivers from using up that of the account.
func (o *outlet) connect() {
	awslambda.NewCfnEventSourceMapping(o.deliver.scope, jsii.String(eventsource.WebhooksName), &awslambda.CfnEventSourceMappingProps{
		FunctionName:          o.deliver.target.FunctionArn(),
		EventSourceArn:        o.queue.QueueArn(),
		BatchSize:             jsii.Number(eventsource.WebhooksBatchSize),
		FunctionResponseTypes: jsii.Strings(eventsource.Response),
		ScalingConfig:         &awslambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(eventsource.WebhooksConcurrency)},
	})
}

// failures returns the number of messages in the dead-letter queue.
func (o *outlet) failures() awscloudwatch.IMetric {
	return o.failed.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Webhooks that failed"),
	})
}
