package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Names of checks.
const (
	checkStack       = "stack"
	checkAlarms      = "alarm subscriptions"
	checkFunctions   = "functions"
	checkConcurrency = "concurrency"
	checkQueue       = "purge counts everything"
)

// readers are the functions that read the table's stream, and what is lost while
// one of them does not.
func readers() []streamReader {
	return []streamReader{{purgeFunction, "so no removal is counted"}, {"history", "so usage is missing in the history"}}
}

type streamReader struct{ function, loss string }

// The names of the checks of a reader.
func (r streamReader) checkMapping() string { return r.function + " reads the stream" }
func (r streamReader) checkBehind() string  { return r.function + " is not behind" }

// checkStage makes the checks that need a stack.
func (d *doctor) checkStage(ctx context.Context) {
	if d.stage == nil {
		checks := []string{checkStack, checkAlarms, checkFunctions, checkConcurrency}
		for _, r := range readers() {
			checks = append(checks, r.checkMapping(), r.checkBehind())
		}
		for _, check := range append(checks, checkQueue, checkWebhooks) {
			d.skip(check, "needs --stage")
		}
		return
	}
	d.add(d.judgeStack())
	d.checkAlarms(ctx)
	d.checkFunctions(ctx)
	d.checkConcurrency(ctx)
	for _, r := range readers() {
		d.checkMapping(ctx, r)
		d.checkBehind(ctx, r)
	}
	d.checkQueue(ctx)
	d.checkWebhooks(ctx)
}

func (d *doctor) judgeStack() finding {
	switch status := d.stage.status; {
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		return finding{Check: checkStack, State: stateWarning, Text: "a deployment is in progress (" + status + "), so functions may differ in version"}
	case status == "CREATE_COMPLETE", status == "UPDATE_COMPLETE", status == "IMPORT_COMPLETE":
		return finding{Check: checkStack, State: stateOK, Text: status}
	case status == "UPDATE_ROLLBACK_COMPLETE":
		return finding{checkStack, stateWarning, "the last deployment failed and was rolled back", "make deploy STAGE=" + d.stage.name}
	default:
		return finding{checkStack, stateProblem, "the last deployment ended with " + status, "make deploy STAGE=" + d.stage.name}
	}
}

func (d *doctor) checkAlarms(ctx context.Context) {
	topic := d.stage.id(kindTopic, "")
	if topic == "" {
		d.skip(checkAlarms, "the stage has no alarms")
		return
	}
	var all []snstypes.Subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(d.stage.cfg), &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if d.fail(checkAlarms, err) {
			return
		}
		all = append(all, page.Subscriptions...)
	}
	for _, f := range judgeSubscriptions(topic, all) {
		d.add(f)
	}
}

// judgeSubscriptions checks that somebody receives the alarms, and that each
// subscription is confirmed. SNS keeps an unconfirmed one for two days.
func judgeSubscriptions(topic string, all []snstypes.Subscription) (found []finding) {
	const unconfirmed, ended = "PendingConfirmation", "Deleted" // SNS lists one that has ended for some days
	all = slices.DeleteFunc(slices.Clone(all), func(s snstypes.Subscription) bool { return aws.ToString(s.SubscriptionArn) == ended })
	subscribe := func(protocol, endpoint string) string {
		return fmt.Sprintf("aws sns subscribe --topic-arn %s --protocol %s --notification-endpoint %s", topic, protocol, endpoint)
	}
	confirmed := 0
	for _, s := range all {
		if aws.ToString(s.SubscriptionArn) != unconfirmed {
			confirmed++
			continue
		}
		found = append(found, finding{
			checkAlarms, stateProblem, aws.ToString(s.Endpoint) + " has not confirmed the subscription and gets no alarm; the command sends the confirmation again",
			subscribe(aws.ToString(s.Protocol), aws.ToString(s.Endpoint)),
		})
	}
	switch {
	case len(all) == 0:
		found = append(found, finding{checkAlarms, stateProblem, "nobody receives the alarms; the next deployment keeps only addresses that infra/stages.json has", subscribe("email", "YOUR-ADDRESS")})
	case confirmed > 0:
		found = append(found, finding{Check: checkAlarms, State: stateOK, Text: fmt.Sprintf("confirmed: %d", confirmed)})
	}
	return found
}

// How long a reader may be behind the stream, which keeps its records for a day. The
// alarm of purge fires after six hours, and that of history after one.
const (
	behindWarning = time.Hour
	behindProblem = 6 * time.Hour
)

func (d *doctor) checkBehind(ctx context.Context, r streamReader) {
	function := d.stage.id(kindFunction, r.function)
	if function == "" {
		d.skip(r.checkBehind(), "the stage has no function "+r.function)
		return
	}
	const period = 5 * time.Minute
	out, err := cloudwatch.NewFromConfig(d.stage.cfg).GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("IteratorAge"),
		Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("FunctionName"), Value: &function}},
		StartTime:  aws.Time(d.now.Add(-time.Hour)), EndTime: &d.now,
		Period: aws.Int32(int32(period.Seconds())), Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticMaximum},
	})
	if !d.fail(r.checkBehind(), err) {
		d.add(r.judgeBehind(d.stage.id(kindLogGroup, r.function), out.Datapoints))
	}
}

// judgeBehind judges the newest age of the record that the reader was at. Its log is
// in the log group.
func (r streamReader) judgeBehind(logGroup string, points []cloudwatchtypes.Datapoint) finding {
	if len(points) == 0 {
		return finding{Check: r.checkBehind(), State: stateOK, Text: "it had nothing to count in the last hour"}
	}
	newest := points[0]
	for _, p := range points {
		if aws.ToTime(p.Timestamp).After(aws.ToTime(newest.Timestamp)) {
			newest = p
		}
	}
	age := time.Duration(aws.ToFloat64(newest.Maximum)) * time.Millisecond
	f := finding{Check: r.checkBehind(), State: stateOK, Text: "behind by " + age.Round(time.Second).String()}
	if age >= behindWarning {
		f.State, f.Text = stateWarning, f.Text+"; the stream keeps records for 24h, and the log says why "+r.function+" fails"
		f.Command = "aws logs tail " + logGroup + " --since 1h --filter-pattern ERROR"
	}
	if age >= behindProblem {
		f.State = stateProblem
	}
	return f
}

func (d *doctor) checkQueue(ctx context.Context) {
	url := d.stage.purgeQueue()
	if url == "" {
		d.skip(checkQueue, "the stage has no queue of removals that are not counted")
		return
	}
	n, err := newMessageQueue(d.stage.cfg, url).size(ctx)
	switch {
	case d.fail(checkQueue, err):
	case n == 0:
		d.add(finding{Check: checkQueue, State: stateOK, Text: "its queue is empty"})
	default:
		d.add(finding{
			checkQueue, stateProblem, fmt.Sprintf("%d messages in its queue stand for removals that are not counted", n),
			"tokenctl purge finish --stage " + d.stage.name,
		})
	}
}
