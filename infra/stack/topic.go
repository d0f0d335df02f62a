package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newTopic makes an encrypted topic that accepts messages over TLS only. The
// policy for that replaces the default policy, so it must also allow CloudWatch.
func newTopic(scope constructs.Construct, stack awscdk.Stack, emails []string) awssns.Topic {
	topic := awssns.NewTopic(scope, jsii.String("Topic"), &awssns.TopicProps{
		DisplayName: stack.StackName(), EnforceSSL: jsii.Bool(true), MasterKey: newTopicKey(scope, stack),
	})
	topic.GrantPublish(cloudWatch(stack))
	for _, email := range emails {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&email, nil))
	}
	return topic
}

// newTopicKey makes the key of the topic. The AWS managed key of SNS is free, but
// CloudWatch may not use it, and an alarm would be lost without a trace.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
func newTopicKey(scope constructs.Construct, stack awscdk.Stack) awskms.IKey {
	key := awskms.NewKey(scope, jsii.String("TopicKey"), &awskms.KeyProps{
		Description:       jsii.String(*stack.StackName() + ": alarms in the SNS topic"),
		EnableKeyRotation: jsii.Bool(true),
		PendingWindow:     awscdk.Duration_Days(jsii.Number(7)), // the minimum
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,         // messages are not kept
	})
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{cloudWatch(stack)},
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey*"),
		Resources:  jsii.Strings("*"), // this key
	}), nil)
	return key
}

// cloudWatch is CloudWatch when it works for this account.
func cloudWatch(stack awscdk.Stack) awsiam.IPrincipal {
	return awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), &awsiam.ServicePrincipalOpts{
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
	})
}
