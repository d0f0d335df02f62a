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

// watched is what alarms and the dashboard look at.
type watched struct {
	table     awsdynamodb.ITable
	functions []*function
	gateway   gateway
	purge     *purge // nil if the table has no stream
}

// alarms are those that can speak against a new version; all of the stack's
// go to one topic.
type alarms struct {
	scope  constructs.Construct
	action awscloudwatch.IAlarmAction

	serverErrors awscloudwatch.Alarm
	crashes      map[string]awscloudwatch.Alarm // by function
}

func newAlarms(stack awscdk.Stack, w watched, emails []string) *alarms {
	scope := constructs.NewConstruct(stack, jsii.String("Alarms"))
	topic := newTopic(scope, stack, emails)
	awscdk.NewCfnOutput(stack, jsii.String("AlarmTopic"), &awscdk.CfnOutputProps{
		Value: topic.TopicArn(), Description: jsii.String("Where alarms go: subscribe a pager here"),
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

// newTopic takes messages over TLS only. The policy that says so replaces
// the default one, so it also has to let CloudWatch in. The topic is not
// encrypted with a key of KMS: CloudWatch can't use AWS's own, another costs
// a dollar a month, and an alarm holds no secret.
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

// An alarm goes off when a metric is at least as high as threshold in so
// many of the last so many periods. No data is good news: nobody called.
type alarm struct {
	id, says  string
	metric    awscloudwatch.IMetric
	threshold float64
	bad, of   float64
}

func (a *alarms) add(scope constructs.Construct, want alarm) awscloudwatch.Alarm {
	made := awscloudwatch.NewAlarm(scope, &want.id, &awscloudwatch.AlarmProps{
		AlarmDescription:   &want.says,
		Metric:             want.metric,
		Threshold:          &want.threshold,
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		DatapointsToAlarm:  &want.bad,
		EvaluationPeriods:  &want.of,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	made.AddAlarmAction(a.action)
	made.AddOkAction(a.action)
	return made
}

// watchAPI uses minutes, so that a canary's five are enough to see it.
func (a *alarms) watchAPI(w watched) {
	minute := &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(1)}
	a.serverErrors = a.add(a.scope, alarm{
		id: "ServerErrors", threshold: 1, bad: 2, of: 5,
		says: "1 % or more of the answers are 5xx: see the lines of level ERROR in the functions' logs.",
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
		id: "Errors", threshold: 1, bad: 1, of: 1,
		says:   "Function " + f.Name + " crashed or ran out of time" + otherErrors(f),
		metric: f.lambda.MetricErrors(sum),
	})
	a.add(f.scope, alarm{
		id: "Throttles", threshold: 1, bad: 1, of: 1,
		says:   "Function " + f.Name + " was refused a start: the account's concurrency, or the reserved one, is used up.",
		metric: f.lambda.MetricThrottles(sum),
	})
	if f.Name == api.Purge || f.Name == api.Console {
		return // watchPurge says when the one is behind; the other has all it says in memory
	}
	a.add(f.scope, alarm{
		id: "Slow", threshold: 1000, bad: 3, of: 3,
		says: "One call in a hundred of function " + f.Name + " took 1 s or longer for a quarter of an hour: look at DynamoDB first.",
		metric: f.lambda.MetricDuration(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("p99"), Period: minutes(5),
		}),
	})
}

// otherErrors are those that Lambda counts beside crashes and time-outs.
func otherErrors(f *function) string {
	switch f.Name {
	case api.Authorizer:
		return ", or DynamoDB did not answer it: the APIs that ask it answer 500 meanwhile."
	case api.Purge:
		return ": Lambda tries its batch again, cut in half."
	default:
		return ": it answers its own errors, so this is none of them."
	}
}

// watchPurge tells of removals that are not counted, early enough: the stream
// forgets a record after 24 h.
func (a *alarms) watchPurge(p *purge) {
	a.add(p.function.scope, alarm{
		id: "NotCounted", threshold: 1, bad: 1, of: 1,
		says: "Tokens that TTL removed are not counted, so that totals and pages of their users are wrong: run `tokenctl reconcile`," +
			" then empty the queue. A message holds places in the stream, so it can't be redriven: see Purge in docs/deploy.md.",
		metric: p.uncounted(),
	})
	a.add(p.function.scope, alarm{
		id: "Behind", threshold: 6 * 60 * 60 * 1000, bad: 1, of: 1,
		says:   "Function purge is 6 h or more behind the table's stream, which forgets after 24 h: see the lines of level ERROR in its log.",
		metric: p.iteratorAge(),
	})
}

func (a *alarms) watchTable(w watched) {
	a.add(a.scope, alarm{
		id: "TableThrottles", threshold: 1, bad: 1, of: 1,
		says:   "DynamoDB refused reads or writes: one partition is too hot, or the table's fuse (MaxReadUnits, MaxWriteUnits) blew.",
		metric: sum(tableMetrics(w.table, nil, "ReadThrottleEvents", "WriteThrottleEvents")),
	})
	var failures []awscloudwatch.IMetric
	// The operations that the store calls; DynamoDB counts a transaction as
	// one of its own.
	for _, operation := range []string{"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems"} {
		failures = append(failures, tableMetrics(w.table, &operation, "SystemErrors")...)
	}
	a.add(a.scope, alarm{
		id: "TableSystemErrors", threshold: 1, bad: 2, of: 3,
		says:   "DynamoDB itself fails: nothing to mend here, look at the AWS Health Dashboard.",
		metric: sum(failures),
	})
}

// tableMetrics are sums over five minutes of the table, or of one operation
// on it.
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

// sum adds metrics up, those without data as 0: DynamoDB sends a metric only
// when there is something to tell, and a plain sum of something and nothing
// is nothing.
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
