package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/eventsource"
)

// A streamReader is a function that the table's stream calls.
type streamReader struct {
	source   eventsource.Source
	function *function
	stream   *string // its ARN
}

// newStreamReader lets a function read the table's stream.
func newStreamReader(source eventsource.Source, functions []*function, table awsdynamodb.ITable) *streamReader {
	i := slices.IndexFunc(functions, func(f *function) bool { return f.Name == source.Function })
	r := &streamReader{source, functions[i], table.TableStreamArn()}
	// Written by hand, because CDK's grants allow more, such as reading the
	// attributes of a queue.
	r.allow(r.stream, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
	r.allow(jsii.String("*"), "dynamodb:ListStreams")
	policy := r.function.lambda.Role().Node().FindChild(jsii.String("DefaultPolicy"))
	accept(policy, "AwsSolutions-IAM5", "Lambda needs the action ListStreams to read a stream, and it can only be allowed on *.", "Resource::*")
	return r
}

func (r *streamReader) allow(resource *string, actions ...string) {
	allow(r.function, resource, actions...)
}

// connect makes Lambda read the stream for the function or its alias. During a
// canary deployment the new version gets a tenth of the batches, and Lambda
// repeats those that it fails. Records that Lambda gives up go to the destination.
func (r *streamReader) connect(givenUp *awslambda.CfnEventSourceMapping_DestinationConfigProperty) {
	filters := []*awslambda.CfnEventSourceMapping_FilterProperty{}
	for _, pattern := range r.source.Filters() {
		filters = append(filters, &awslambda.CfnEventSourceMapping_FilterProperty{Pattern: &pattern})
	}
	awslambda.NewCfnEventSourceMapping(r.function.scope, &r.source.Name, &awslambda.CfnEventSourceMappingProps{
		FunctionName:                   r.function.target.FunctionArn(),
		EventSourceArn:                 r.stream,
		StartingPosition:               jsii.String(eventsource.StartingPosition),
		BatchSize:                      jsii.Number(r.source.BatchSize),
		MaximumBatchingWindowInSeconds: jsii.Number(r.source.Window.Seconds()),
		MaximumRecordAgeInSeconds:      jsii.Number(r.source.MaxAgeSeconds),
		MaximumRetryAttempts:           jsii.Number(r.source.Retries),
		BisectBatchOnFunctionError:     jsii.Bool(eventsource.Bisect),
		FunctionResponseTypes:          jsii.Strings(eventsource.Response),
		FilterCriteria:                 &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{Filters: &filters},
		DestinationConfig:              givenUp,
	})
}

// iteratorAge returns how far the function is behind the stream, in milliseconds.
func (r *streamReader) iteratorAge() awscloudwatch.IMetric {
	return r.function.lambda.Metric(jsii.String("IteratorAge"), &awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: minutes(5), Label: jsii.String("Behind the stream, ms"),
	})
}
