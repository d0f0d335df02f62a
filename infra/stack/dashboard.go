package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// newDashboard shows fewer than 50 metrics, so that it is one of the three
// that are free.
func newDashboard(stack awscdk.Stack, w watched) {
	dashboard := awscloudwatch.NewDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: stack.StackName(),
	})
	dashboard.AddWidgets(requestsByRoute(w), requestCounts(w))
	dashboard.AddWidgets(tokensCreatedAndDeleted(w), latencyByRoute(w))
	dashboard.AddWidgets(latency(w), graph("Consumed units", tableMetrics(w.table, nil, "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")))
	last := []awscloudwatch.IWidget{throttles(w)}
	if w.purge != nil {
		last = append(last, removalsByTTL(w.purge))
	}
	dashboard.AddWidgets(last...)
}

// requestsByRoute reads the access log, not the metrics: those know 4xx and
// 5xx only, and what API Gateway leads to $default they don't tell apart.
func requestsByRoute(w watched) awscloudwatch.IWidget {
	return query(w, "Requests by route and status", awscloudwatch.LogQueryVisualizationType_TABLE,
		"stats count(*) as requests by routeKey, method, status", "sort requests desc")
}

// tokensCreatedAndDeleted counts answers: 201 is that of create alone.
func tokensCreatedAndDeleted(w watched) awscloudwatch.IWidget {
	return query(w, "Tokens created and deleted", awscloudwatch.LogQueryVisualizationType_LINE,
		`fields strcontains(status, "201") as isCreated, strcontains(concat(method, status), "DELETE200") as isDeleted`,
		"stats sum(isCreated) as created, sum(isDeleted) as deleted by bin(5m)")
}

func requestCounts(w watched) awscloudwatch.IWidget {
	options := &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(5)}
	return graph("Requests", []awscloudwatch.IMetric{
		w.gateway.api.MetricCount(options), w.gateway.api.MetricClientError(options), w.gateway.api.MetricServerError(options),
	})
}

// latency is what a caller waits for.
func latency(w watched) awscloudwatch.IWidget {
	var metrics []awscloudwatch.IMetric
	for _, p := range []string{"p50", "p99"} {
		metrics = append(metrics, w.gateway.api.MetricLatency(&awscloudwatch.MetricOptions{
			Statistic: &p, Period: minutes(5), Label: jsii.String("API " + p),
		}))
	}
	return graph("Latency, ms", metrics)
}

// latencyByRoute reads the access log as well: as metrics, two of every
// function would be more than are free.
func latencyByRoute(w watched) awscloudwatch.IWidget {
	return query(w, "Latency by route, ms", awscloudwatch.LogQueryVisualizationType_TABLE,
		"stats pct(latencyMs, 50) as p50, pct(latencyMs, 99) as p99, count(*) as requests by routeKey", "sort p99 desc")
}

func throttles(w watched) awscloudwatch.IWidget {
	metrics := tableMetrics(w.table, nil, "ReadThrottleEvents", "WriteThrottleEvents")
	for _, f := range w.functions {
		metrics = append(metrics, f.lambda.MetricThrottles(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("Sum"), Period: minutes(5), Label: &f.Name,
		}))
	}
	return graph("Throttles", metrics)
}

// removalsByTTL has two axes, for milliseconds and messages are not alike.
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

func query(w watched, title string, view awscloudwatch.LogQueryVisualizationType, lines ...string) awscloudwatch.IWidget {
	return awscloudwatch.NewLogQueryWidget(&awscloudwatch.LogQueryWidgetProps{
		Title: &title, View: view, LogGroupNames: jsii.Strings(*w.gateway.logs.LogGroupName()),
		QueryLines: jsii.Strings(lines...), Width: jsii.Number(widgetWidth), Height: jsii.Number(widgetHeight),
	})
}
