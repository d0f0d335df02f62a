package stack

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/api"
)

// watchFunctions makes the alarms of the functions that the access log does not
// show, and one on the concurrency of the account.
func (a *alarms) watchFunctions(w monitored) {
	for _, f := range w.functions {
		if len(f.RouteKeys) > 0 {
			continue
		}
		a.own[f.Name] = append(a.own[f.Name], a.add(f.scope, alarm{
			id: "Errors", threshold: 1, badPeriods: 1, periods: 1,
			description: "Function " + f.Name + " crashed or timed out" + otherErrors(f),
			metric:      f.lambda.MetricErrors(sumOver(1)),
		}))
		if f.Name == api.ModelGateway {
			a.own[f.Name] = append(a.own[f.Name], a.add(f.scope, alarm{
				id: "ServerErrors", threshold: 10, badPeriods: 2, periods: 5,
				description: "10 % or more of the responses of function gateway are 5xx, its own or those of its upstream. See the ERROR lines in its log.",
				metric: percent("100 * FILL(part, 0) / all",
					f.lambda.Metric(jsii.String("Url5xxCount"), sumOver(1)), f.lambda.Metric(jsii.String("UrlRequestCount"), sumOver(1)), minutes(1)),
			}))
		}
	}
	a.add(a.scope, alarm{
		id: "Throttles", threshold: 1, badPeriods: 1, periods: 1,
		description: "Lambda throttled a function of this account and region: its concurrent executions, or those reserved for the function, are used up." +
			" See Throttles on the dashboard; docs/deploy.md has the command that asks for more.",
		metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{ // without a dimension: of all functions
			Namespace: jsii.String("AWS/Lambda"), MetricName: jsii.String("Throttles"), Statistic: jsii.String("Sum"), Period: minutes(1),
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
	case api.History:
		return ", or gave up a check of timers. Lambda splits a batch in half and tries again. A check is tried twice more; if that fails," +
			" events about expiries are missing until you have it made again. See the ERROR lines in the log, and Events in docs/deploy.md."
	case api.Deliver:
		return ". Its webhooks are sent again."
	default: // the function purge
		return ". Lambda splits its batch in half and tries again."
	}
}

// watchPurge makes the alarms for removals that are not counted. They fire
// before the stream drops the records, which it does after 24 h.
func (a *alarms) watchPurge(p *purge) {
	a.add(p.function.scope, alarm{
		id: "NotCounted", threshold: 1, badPeriods: 1, periods: 1,
		description: "Tokens that TTL removed are not counted, so totals and pages of their users are wrong. Run" +
			" `tokenctl purge finish --stage " + p.stage + "` within 24 h. See Purge in docs/deploy.md.",
		metric: p.uncounted(),
	})
	a.add(p.function.scope, alarm{
		id: "Behind", threshold: 6 * 60 * 60 * 1000, badPeriods: 1, periods: 1,
		description: "Function purge is 6 h or more behind the stream of the table, which keeps records for 24 h. See the ERROR lines in its log.",
		metric:      p.iteratorAge(),
	})
}

// watchHistory makes the alarms for a history that is late, and for what is left out of
// it. The first fires long before the stream drops records, because those would be
// missing for ever.
func (a *alarms) watchHistory(stack awscdk.Stack, r *streamReader) {
	a.add(r.function.scope, alarm{
		id: "Behind", threshold: 60 * 60 * 1000, badPeriods: 1, periods: 1,
		description: "Function history is 1 h or more behind the stream of the table. Records that it has not read after 24 h are missing" +
			" in the history of usage. See the ERROR lines in its log.",
		metric: r.iteratorAge(),
	})
	a.add(r.function.scope, alarm{
		id: "Unreadable", threshold: 1, badPeriods: 1, periods: 1,
		description: "Function history could not read a change, a token or an item of a history, or could not make or publish an event, and left it out;" +
			" or deliver could not handle a webhook. The line in its log with unreadable above 0 names it. See History of usage in docs/deploy.md.",
		metric: unreadable(stack, r.function),
	})
}

// unreadable returns the number of log lines of a function about something that it could
// not read. The lines of all functions with this metric count for one alarm.
func unreadable(stack awscdk.Stack, f *function) awscloudwatch.IMetric {
	return logMetric(stack, f.logs, "Unreadable", "{ $.unreadable > 0 }", 5)
}

// watchWebhooks makes the alarms for messages that the function deliver could not handle,
// or handles too late. A receiver that fails is the business of its user and no reason
// for an alarm.
func (a *alarms) watchWebhooks(stack awscdk.Stack, o *outlet) {
	unreadable(stack, o.deliver) // counts for the alarm of history
	a.add(o.deliver.scope, alarm{
		id: "Late", threshold: lateWebhookSeconds, badPeriods: 3, periods: 3,
		description: "Webhooks wait for function deliver for 30 min or more: it does not receive them, or there are more than it can send at a time." +
			" See Events in docs/deploy.md.",
		metric: o.queue.MetricApproximateAgeOfOldestMessage(&awscloudwatch.MetricOptions{Statistic: jsii.String("Maximum"), Period: minutes(5)}),
	})
	a.add(o.deliver.scope, alarm{
		id: "NotDelivered", threshold: 1, badPeriods: 1, periods: 1,
		description: "Function deliver could not read webhooks or crashed with them; their dead-letter queue keeps them for 14 days." +
			" See the ERROR lines in its log, and Events in docs/deploy.md.",
		metric: o.failures(),
	})
}

// lateWebhookSeconds is an age that no message of webhooks reaches if deliver receives
// it in time: a message for another attempt is added to the queue anew, and delayed for
// 15 minutes at most. CloudWatch leaves messages out that were received three times.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
const lateWebhookSeconds = 30 * 60

// watchTable makes an alarm for a table that refuses requests. Other failures of
// DynamoDB become 5xx, which other alarms see.
func (a *alarms) watchTable(w monitored) {
	a.add(a.scope, alarm{
		id: "TableThrottles", threshold: 1, badPeriods: 1, periods: 1,
		description: "DynamoDB throttled reads or writes: one partition has too many requests, or the table reached MaxReadUnits or MaxWriteUnits.",
		metric:      sum(tableMetrics(w.table, "ReadThrottleEvents", "WriteThrottleEvents")),
	})
}

// tableMetrics returns metrics of the table as sums over five minutes.
func tableMetrics(table awsdynamodb.ITable, names ...string) (metrics []awscloudwatch.IMetric) {
	for _, name := range names {
		metrics = append(metrics, awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: jsii.String("AWS/DynamoDB"), MetricName: &name, DimensionsMap: &map[string]*string{"TableName": table.TableName()},
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
