package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// monitored is what the alarms and the dashboard show.
type monitored struct {
	table     awsdynamodb.ITable
	functions []*function
	gateway   gateway
	purge     *purge
	history   *streamReader
	outlet    *outlet
}

// alarms holds the alarms that can stop the deployment of a new version. All
// alarms of the stack notify one topic. An alarm costs ten cents a month for each
// metric that it reads, so each says something that no other says; see ADR 30.
type alarms struct {
	scope  constructs.Construct
	action awscloudwatch.IAlarmAction

	serverErrors awscloudwatch.Alarm
	own          map[string][]awscloudwatch.Alarm // of a function's own failures, by function
}

func newAlarms(stack awscdk.Stack, w monitored, emails []string) *alarms {
	scope := constructs.NewConstruct(stack, jsii.String("Alarms"))
	topic := newTopic(scope, stack, emails)
	awscdk.NewCfnOutput(stack, jsii.String("AlarmTopic"), &awscdk.CfnOutputProps{
		Value: topic.TopicArn(), Description: jsii.String("SNS topic that receives every alarm. Subscribe your pager to it."),
	})
	a := &alarms{scope: scope, action: awscloudwatchactions.NewSnsAction(topic), own: map[string][]awscloudwatch.Alarm{}}
	a.watchAPI(w)
	a.watchRoutes(stack, w)
	a.watchFunctions(w)
	a.watchTable(w)
	a.watchPurge(w.purge)
	a.watchHistory(stack, w.history)
	a.watchWebhooks(stack, w.outlet)
	return a
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

// percent returns a metric: 100 × part / all. Without any of all it has no value.
func percent(expression string, part, all awscloudwatch.IMetric, period awscdk.Duration) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: &expression, UsingMetrics: &map[string]awscloudwatch.IMetric{"part": part, "all": all}, Period: period,
	})
}

func minutes(n float64) awscdk.Duration { return awscdk.Duration_Minutes(&n) }

// sumOver returns options for the sum of a metric over some minutes.
func sumOver(n float64) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(n)}
}
