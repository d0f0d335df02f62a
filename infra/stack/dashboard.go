package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// newDashboard makes a dashboard with fewer than 50 metrics. Three such
// dashboards per account are free. An account has each name once, in all regions
// together, so the name has the region in it.
func newDashboard(stack awscdk.Stack, w monitored) {
	dashboard := awscloudwatch.NewDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String(*stack.StackName() + "-" + *stack.Region()),
	})
	dashboard.AddWidgets(requestsByRoute(w), requestCounts(w))
	dashboard.AddWidgets(tokensCreatedAndDeleted(w), latencyByRoute(w))
	dashboard.AddWidgets(latency(w), graph("Consumed units", tableMetrics(w.table, "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")))
	dashboard.AddWidgets(throttles(w), removalsByTTL(w.purge))
	dashboard.AddWidgets(queryWidgets(w.functions)...)
}

// requestsByRoute reads the access log, because the metrics distinguish only
// 4xx and 5xx, and count all requests to $default together.
func requestsByRoute(w monitored) awscloudwatch.IWidget {
	return query(accessLogOf(w), "Requests by route and status", awscloudwatch.LogQueryVisualizationType_TABLE,
		"stats count(*) as requests by routeKey, method, status", "sort requests desc")
}

// tokensCreatedAndDeleted counts responses in the access log. Only create
// responds with 201.
func tokensCreatedAndDeleted(w monitored) awscloudwatch.IWidget {
	return query(accessLogOf(w), "Tokens created and deleted", awscloudwatch.LogQueryVisualizationType_LINE,
		`fields strcontains(status, "201") as isCreated, strcontains(concat(method, status), "DELETE200") as isDeleted`,
		"stats sum(isCreated) as created, sum(isDeleted) as deleted by bin(5m)")
}

func requestCounts(w monitored) awscloudwatch.IWidget {
	options := &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(5)}
	return graph("Requests", []awscloudwatch.IMetric{
		w.gateway.api.MetricCount(options), w.gateway.api.MetricClientError(options), w.gateway.api.MetricServerError(options),
	})
}

// latency shows how long callers wait for a response.
func latency(w monitored) awscloudwatch.IWidget {
	var metrics []awscloudwatch.IMetric
	for _, p := range []string{"p50", "p99"} {
		metrics = append(metrics, w.gateway.api.MetricLatency(&awscloudwatch.MetricOptions{
			Statistic: &p, Period: minutes(5), Label: jsii.String("API " + p),
		}))
	}
	return graph("Latency, ms", metrics)
}

// latencyByRoute reads the access log, because two metrics for each function
// would exceed the free ones.
func latencyByRoute(w monitored) awscloudwatch.IWidget {
	return query(accessLogOf(w), "Latency by route, ms", awscloudwatch.LogQueryVisualizationType_TABLE,
		"stats pct(latencyMs, 50) as p50, pct(latencyMs, 99) as p99, count(*) as requests by routeKey", "sort p99 desc")
}

func throttles(w monitored) awscloudwatch.IWidget {
	metrics := tableMetrics(w.table, "ReadThrottleEvents", "WriteThrottleEvents")
	for _, f := range w.functions {
		metrics = append(metrics, f.lambda.MetricThrottles(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("Sum"), Period: minutes(5), Label: &f.Name,
		}))
	}
	return graph("Throttles", metrics)
}

// removalsByTTL has two axes: milliseconds on the left, messages on the right.
func removalsByTTL(p *purge) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("Removals by TTL"), Width: jsii.Number(widgetWidth), Height: jsii.Number(widgetHeight),
		Left: &[]awscloudwatch.IMetric{p.iteratorAge()}, Right: &[]awscloudwatch.IMetric{p.uncounted()},
	})
}

const widgetWidth, widgetHeight = 12, 6 // a dashboard is 24 wide

func graph(title string, metrics []awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: &title, Left: &metrics, Width: jsii.Number(widgetWidth), Height: jsii.Number(widgetHeight),
	})
}

func accessLogOf(w monitored) *[]*string { return jsii.Strings(*w.gateway.logs.LogGroupName()) }

func query(logGroups *[]*string, title string, view awscloudwatch.LogQueryVisualizationType, lines ...string) awscloudwatch.IWidget {
	return awscloudwatch.NewLogQueryWidget(&awscloudwatch.LogQueryWidgetProps{
		Title: &title, View: view, LogGroupNames: logGroups,
		QueryLines: jsii.Strings(lines...), Width: jsii.Number(widgetWidth), Height: jsii.Number(widgetHeight),
	})
}
