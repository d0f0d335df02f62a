package stack

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/api"
)

// monitored is what the alarms and the dashboard show.
type monitored struct {
	table     awsdynamodb.ITable
	functions []*function
	gateway   gateway
	purge     *purge // nil if the table has no stream
}

// alarms holds the alarms that can stop the deployment of a new version. All
// alarms of the stack notify one topic.
type alarms struct {
	scope  constructs.Construct
	action awscloudwatch.IAlarmAction

	serverErrors awscloudwatch.Alarm
	crashes      map[string]awscloudwatch.Alarm // by function
}

func newAlarms(stack awscdk.Stack, w monitored, emails []string) *alarms {
	scope := constructs.NewConstruct(stack, jsii.String("Alarms"))
	topic := newTopic(scope, stack, emails)
	awscdk.NewCfnOutput(stack, jsii.String("AlarmTopic"), &awscdk.CfnOutputProps{
		Value: topic.TopicArn(), Description: jsii.String("SNS topic that receives every alarm. Subscribe your pager to it."),
	})
	a := &alarms{scope: scope, action: awscloudwatchactions.NewSnsAction(topic), crashes: map[string]awscloudwatch.Alarm{}}
	a.watchAPI(w)
	for _, f := range w.functions {
		a.watchFunction(f)
	}
	a.watchTable(w)
	if w.purge != nil {
		a.watchPurge(w.purge)
	}
	return a
}

// newTopic makes a topic that accepts messages over TLS only. The policy for
// that replaces the default policy, so it must also allow CloudWatch. The topic
// is not encrypted with a KMS key: CloudWatch can't use the AWS managed key,
// another key costs a dollar a month, and an alarm contains no secret.
func newTopic(scope constructs.Construct, stack awscdk.Stack, emails []string) awssns.Topic {
	topic := awssns.NewTopic(scope, jsii.String("Topic"), &awssns.TopicProps{
		DisplayName: stack.StackName(), EnforceSSL: jsii.Bool(true),
	})
	topic.GrantPublish(awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), &awsiam.ServicePrincipalOpts{
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
	}))
	for _, email := range emails {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&email, nil))
	}
	return topic
}

// An alarm fires when its metric reaches the threshold in badPeriods of the
// last periods. A period without data counts as good: nobody called.
type alarm struct {
	id, description     string
	metric              awscloudwatch.IMetric
	threshold           float64
	badPeriods, periods float64
}

func (a *alarms) add(scope constructs.Construct, want alarm) awscloudwatch.Alarm {
	made := awscloudwatch.NewAlarm(scope, &want.id, &awscloudwatch.AlarmProps{
		AlarmDescription:   &want.description,
		Metric:             want.metric,
		Threshold:          &want.threshold,
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		DatapointsToAlarm:  &want.badPeriods,
		EvaluationPeriods:  &want.periods,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	made.AddAlarmAction(a.action)
	made.AddOkAction(a.action)
	return made
}

// watchAPI measures in minutes, because a canary deployment shifts all traffic
// after five.
func (a *alarms) watchAPI(w monitored) {
	minute := &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(1)}
	a.serverErrors = a.add(a.scope, alarm{
		id: "ServerErrors", threshold: 1, badPeriods: 2, periods: 5,
		description: "1 % or more of the responses are 5xx. See the ERROR lines in the logs of the functions.",
		metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: jsii.String("100 * errors / requests"),
			UsingMetrics: &map[string]awscloudwatch.IMetric{
				"errors": w.gateway.api.MetricServerError(minute), "requests": w.gateway.api.MetricCount(minute),
			},
			Period: minutes(1),
		}),
	})
}

func (a *alarms) watchFunction(f *function) {
	sum := &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(1)}
	a.crashes[f.Name] = a.add(f.scope, alarm{
		id: "Errors", threshold: 1, badPeriods: 1, periods: 1,
		description: "Function " + f.Name + " crashed or timed out" + otherErrors(f),
		metric:      f.lambda.MetricErrors(sum),
	})
	a.add(f.scope, alarm{
		id: "Throttles", threshold: 1, badPeriods: 1, periods: 1,
		description: "Lambda throttled function " + f.Name + ": the concurrency of the account, or that reserved for the function, is used up.",
		metric:      f.lambda.MetricThrottles(sum),
	})
	if f.Name == api.Purge || f.Name == api.Console || f.Name == api.ModelGateway {
		return // watchPurge has an alarm for a late purge; the console answers from memory; a model takes its time
	}
	a.add(f.scope, alarm{
		id: "Slow", threshold: 1000, badPeriods: 3, periods: 3,
		description: "For 15 minutes, one invocation of function " + f.Name + " in a hundred took 1 s or longer. Check DynamoDB first.",
		metric: f.lambda.MetricDuration(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("p99"), Period: minutes(5),
		}),
	})
}

// otherErrors completes the description of a function's error alarm: what
// Lambda counts as an error apart from crashes and time-outs.
func otherErrors(f *function) string {
	switch f.Name {
	case api.Authorizer:
		return ", or got no answer from DynamoDB. Until it recovers, the APIs that use it as their authorizer answer 500."
	case api.ModelGateway:
		return ", or broke an answer off, such as because its upstream did."
	case api.Purge:
		return ". Lambda splits its batch in half and tries again."
	default:
		return ". Errors that the function answers itself are not counted here."
	}
}

// watchPurge makes the alarms for removals that are not counted. They fire
// before the stream drops the records, which it does after 24 h.
func (a *alarms) watchPurge(p *purge) {
	a.add(p.function.scope, alarm{
		id: "NotCounted", threshold: 1, badPeriods: 1, periods: 1,
		description: "Tokens that TTL removed are not counted, so totals and pages of their users are wrong. Run `tokenctl reconcile`," +
			" then empty the queue. A message contains only positions in the stream, so it can't be redriven. See Purge in docs/deploy.md.",
		metric: p.uncounted(),
	})
	a.add(p.function.scope, alarm{
		id: "Behind", threshold: 6 * 60 * 60 * 1000, badPeriods: 1, periods: 1,
		description: "Function purge is 6 h or more behind the stream of the table, which keeps records for 24 h. See the ERROR lines in its log.",
		metric:      p.iteratorAge(),
	})
}

func (a *alarms) watchTable(w monitored) {
	a.add(a.scope, alarm{
		id: "TableThrottles", threshold: 1, badPeriods: 1, periods: 1,
		description: "DynamoDB throttled reads or writes: one partition has too many requests, or the table reached MaxReadUnits or MaxWriteUnits.",
		metric:      sum(tableMetrics(w.table, nil, "ReadThrottleEvents", "WriteThrottleEvents")),
	})
	var failures []awscloudwatch.IMetric
	// The operations that the store calls. DynamoDB counts a transaction as an
	// operation of its own.
	for _, operation := range []string{"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems"} {
		failures = append(failures, tableMetrics(w.table, &operation, "SystemErrors")...)
	}
	a.add(a.scope, alarm{
		id: "TableSystemErrors", threshold: 1, badPeriods: 2, periods: 3,
		description: "DynamoDB itself fails. Nothing can be done in this account; check the AWS Health Dashboard.",
		metric:      sum(failures),
	})
}

// tableMetrics returns metrics of the table, or of one operation on it, as
// sums over five minutes.
func tableMetrics(table awsdynamodb.ITable, operation *string, names ...string) (metrics []awscloudwatch.IMetric) {
	dimensions := map[string]*string{"TableName": table.TableName()}
	if operation != nil {
		dimensions["Operation"] = operation
	}
	for _, name := range names {
		metrics = append(metrics, awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: jsii.String("AWS/DynamoDB"), MetricName: &name, DimensionsMap: &dimensions,
			Statistic: jsii.String("Sum"), Period: minutes(5),
		}))
	}
	return metrics
}

// sum adds metrics and treats missing data as 0. DynamoDB sends a metric only
// if it has a value, and a plain sum with a missing metric has no value.
func sum(metrics []awscloudwatch.IMetric) awscloudwatch.IMetric {
	using := map[string]awscloudwatch.IMetric{}
	var terms []string
	for i, metric := range metrics {
		name := fmt.Sprintf("m%d", i)
		using[name] = metric
		terms = append(terms, "FILL("+name+", 0)")
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(strings.Join(terms, " + ")), UsingMetrics: &using, Period: minutes(5),
	})
}

func minutes(n float64) awscdk.Duration { return awscdk.Duration_Minutes(&n) }
