package stack

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// watchAPI makes the alarms on all requests together. Those that can stop a
// deployment measure in minutes, because a canary shifts all traffic after five.
func (a *alarms) watchAPI(w monitored) {
	api := w.gateway.api
	a.serverErrors = a.add(a.scope, alarm{
		id: "ServerErrors", threshold: 1, badPeriods: 2, periods: 5,
		description: "1 % or more of the responses are 5xx. See the ERROR lines in the logs of the functions.",
		metric:      percent("100 * part / all", api.MetricServerError(sumOver(1)), api.MetricCount(sumOver(1)), minutes(1)),
	})
	a.add(a.scope, alarm{
		id: "ClientErrors", threshold: 50, badPeriods: 3, periods: 3,
		description: "For 15 minutes, half of the responses or more were 4xx, of 100 or more: a client is broken, or somebody tries keys. See Requests by route and status on the dashboard.",
		metric:      percent("IF(all >= 100, 100 * part / all, 0)", api.MetricClientError(sumOver(5)), api.MetricCount(sumOver(5)), minutes(5)),
	})
	a.add(a.scope, alarm{
		id: "Slow", threshold: 1000, badPeriods: 3, periods: 3,
		description: "For 15 minutes, one response in a hundred took 1 s or longer. Check DynamoDB first, then Latency by route on the dashboard.",
		metric: api.MetricIntegrationLatency(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("p99"), Period: minutes(5),
		}),
	})
}

// watchRoutes makes the alarms that count lines of the access log, which has
// every response with its route: an answered 5xx, a crash, a time-out. A quiet
// route would vanish in a rate over all requests, and a count over all would have
// the noise of the busiest. So each route of the data plane has a rate of its own,
// and the others have a count together.
func (a *alarms) watchRoutes(stack awscdk.Stack, w monitored) {
	var dataPlane []string // conditions
	for _, f := range w.functions {
		if !isDataPlane(f.Function) {
			continue
		}
		var own []string
		for _, key := range f.RouteKeys {
			own = append(own, fmt.Sprintf(`($.routeKey = %q)`, key))
			dataPlane = append(dataPlane, fmt.Sprintf(`($.routeKey != %q)`, key))
		}
		pattern := fmt.Sprintf(`{ ($.status = "5*") && (%s) }`, strings.Join(own, " || "))
		errors := logMetric(stack, w.gateway.logs, "ServerErrors-"+f.Name, pattern, 1)
		a.own[f.Name] = append(a.own[f.Name], a.add(f.scope, alarm{
			id: "ServerErrors", threshold: 5, badPeriods: 2, periods: 5,
			description: "5 % or more of the responses of function " + f.Name + " are 5xx. See the ERROR lines in its log.",
			// A request that API Gateway can't pass on is no invocation.
			metric: percent("100 * FILL(part, 0) / IF(FILL(all, 0) > FILL(part, 0), FILL(all, 0), part)", errors, f.lambda.MetricInvocations(sumOver(1)), minutes(1)),
		}))
	}
	others := a.add(a.scope, alarm{
		id: "OtherServerErrors", threshold: 2, badPeriods: 2, periods: 5,
		description: "Two or more responses a minute outside the data plane are 5xx. Requests by route and status on the dashboard shows which function fails.",
		metric:      logMetric(stack, w.gateway.logs, "ServerErrors-others", fmt.Sprintf(`{ ($.status = "5*") && %s }`, strings.Join(dataPlane, " && ")), 1),
	})
	for _, f := range w.functions {
		if len(f.RouteKeys) > 0 && !isDataPlane(f.Function) {
			a.own[f.Name] = append(a.own[f.Name], others)
		}
	}
	a.add(a.scope, alarm{
		id: "TooManyRequests", threshold: 20, badPeriods: 2, periods: 3,
		description: "API Gateway refuses requests with 429: a limit of stage.go, or that of the account, is reached. Requests by route and status on the dashboard shows on which route.",
		// Without an integration latency, no function answered: it is not the rate of a token or user.
		metric: logMetric(stack, w.gateway.logs, "TooManyRequests", `{ ($.status = "429") && ($.integrationLatencyMs = "-") }`, 5),
	})
}

// logMetric counts lines of a log, as the sum over some minutes. A
// custom metric costs $0.30 a month, counted by the hours in which a line matches.
func logMetric(stack awscdk.Stack, logs awslogs.LogGroup, name, pattern string, minutes float64) awscloudwatch.IMetric {
	return awslogs.NewMetricFilter(logs, &name, &awslogs.MetricFilterProps{
		LogGroup: logs, FilterPattern: awslogs.FilterPattern_Literal(&pattern),
		MetricNamespace: stack.StackName(), MetricName: &name, MetricValue: jsii.String("1"),
	}).Metric(sumOver(minutes))
}
