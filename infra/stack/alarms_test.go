package stack_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/queries"
	"github.com/latchkey-api/latchkey/shared/api"
)

// metricsOf returns the metrics of an alarm, each with its function or operation.
func (p *template) metricsOf(t *testing.T, alarm object) (names []string) {
	t.Helper()
	metrics := []any{alarm}
	for _, m := range listed(alarm["Metrics"]) {
		if stat := at(m, "MetricStat", "Metric"); stat != nil {
			metrics = append(metrics, stat)
		}
	}
	for _, m := range metrics {
		name, ok := at(m, "MetricName").(string)
		if !ok {
			continue
		}
		for _, d := range listed(at(m, "Dimensions")) {
			switch at(d, "Name") {
			case "FunctionName":
				id, _ := at(d, "Value", "Ref").(string)
				folder, _ := p.Resources[id].Metadata["aws:asset:path"].(string)
				name += " " + strings.TrimPrefix(folder, "build/")
			case "Operation":
				name += fmt.Sprintf(" %v", at(d, "Value"))
			}
		}
		names = append(names, name)
	}
	return names
}

// alarmsCoverAllAndNotifyTheTopic checks that each metric which shows a fault has
// an alarm, and that every alarm notifies the topic. dev has no alarms.
func alarmsCoverAllAndNotifyTheTopic(t *testing.T, p *template) {
	alarms := p.of("AWS::CloudWatch::Alarm")
	if p.stage == "dev" {
		if len(alarms) > 0 {
			t.Errorf("got alarms %v, want none in dev", alarms)
		}
		return
	}
	topic, _ := p.only(t, "AWS::SNS::Topic")
	var got []string
	for _, id := range alarms {
		alarm := p.Resources[id].Properties
		if !cmp.Equal(alarm["AlarmActions"], any(list{ref(topic)})) || !cmp.Equal(alarm["OKActions"], any(list{ref(topic)})) {
			t.Errorf("alarm %s: got actions %v and %v, want the topic", id, alarm["AlarmActions"], alarm["OKActions"])
		}
		if alarm["TreatMissingData"] != "notBreaching" || alarm["AlarmDescription"] == "" {
			t.Errorf("alarm %s: got %v, want missing data as good and a description", id, alarm)
		}
		got = append(got, p.metricsOf(t, alarm)...)
	}
	want := []string{
		"5xx", "Count", "4xx", "Count", "IntegrationLatency", "Throttles", "ReadThrottleEvents", "WriteThrottleEvents",
		"ServerErrors-verify", "Invocations verify", "ServerErrors-reserve", "Invocations reserve",
		"ServerErrors-settle", "Invocations settle", "ServerErrors-release", "Invocations release",
		"ServerErrors-others", "TooManyRequests", "Errors " + api.Authorizer, "Errors " + api.Purge, "Errors " + api.History, "Errors " + api.Deliver,
		"IteratorAge " + api.Purge, "IteratorAge " + api.History, "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesVisible", "Unreadable", "ApproximateAgeOfOldestMessage",
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics with an alarm (-want +got):\n%s", diff)
	}
}

// alarmsAreFew checks the numbers that docs/deploy.md has the price of.
func alarmsAreFew(t *testing.T, p *template) {
	metrics := 0
	for _, id := range p.of("AWS::CloudWatch::Alarm") {
		metrics += len(p.metricsOf(t, p.Resources[id].Properties))
	}
	wantAlarms, wantMetrics := 21, 28
	if p.stage == "dev" {
		wantAlarms, wantMetrics = 0, 0
	}
	if alarms := len(p.of("AWS::CloudWatch::Alarm")); alarms != wantAlarms || metrics != wantMetrics {
		t.Errorf("got %d alarms that read %d metrics, want %d and %d, or another price in docs/deploy.md", alarms, metrics, wantAlarms, wantMetrics)
	}
}

// patterns returns the patterns of the lines that metrics count, by metric.
func (p *template) patterns() map[string]string {
	patterns := map[string]string{}
	for _, id := range p.of("AWS::Logs::MetricFilter") {
		filter := p.Resources[id].Properties
		name, _ := at(listed(filter["MetricTransformations"])[0], "MetricName").(string)
		patterns[name], _ = filter["FilterPattern"].(string)
	}
	return patterns
}

// The lines of both functions that can lose an event count for the alarm Unreadable.
func TestUnreadableLogs(t *testing.T) {
	var p template
	if err := json.Unmarshal(read(t, "testdata/prod.template.json"), &p); err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, id := range p.of("AWS::Logs::MetricFilter") {
		filter := p.Resources[id].Properties
		if name, _ := at(listed(filter["MetricTransformations"])[0], "MetricName").(string); name == "Unreadable" && filter["FilterPattern"] == "{ $.unreadable > 0 }" {
			group, _ := at(filter["LogGroupName"], "Ref").(string)
			logs = append(logs, strings.TrimRight(group, "0123456789ABCDEF"))
		}
	}
	slices.Sort(logs)
	if want := []string{"deliverLogs", "historyLogs"}; !slices.Equal(logs, want) {
		t.Errorf("got %v, want %v", logs, want)
	}
}

// TestLogMetrics checks that each response with 5xx counts for an alarm of the
// function behind its route, and which 429 count.
func TestLogMetrics(t *testing.T) {
	var p template
	if err := json.Unmarshal(read(t, "testdata/prod.template.json"), &p); err != nil {
		t.Fatal(err)
	}
	patterns := p.patterns()
	delete(patterns, "Unreadable") // of another log; see TestUnreadableMetric
	dataPlane := []string{"verify", "reserve", "settle", "release"}
	for _, f := range api.Functions() {
		for _, key := range f.RouteKeys {
			for _, name := range dataPlane {
				if got, want := strings.Contains(patterns["ServerErrors-"+name], fmt.Sprintf("($.routeKey = %q)", key)), f.Name == name; got != want {
					t.Errorf("%s counts for %s: %t, want %t", key, name, got, want)
				}
			}
			if got, want := strings.Contains(patterns["ServerErrors-others"], fmt.Sprintf("($.routeKey != %q)", key)), slices.Contains(dataPlane, f.Name); got != want {
				t.Errorf("%s does not count for the others: %t, want %t", key, got, want)
			}
		}
	}
	for name, pattern := range patterns {
		if longest := 1024; len(pattern) > longest || !strings.HasPrefix(pattern, "{ ($.status = ") {
			t.Errorf("%s: got pattern %s, want one on the status with at most %d characters", name, pattern, longest)
		}
	}
	if want := `{ ($.status = "429") && ($.integrationLatencyMs = "-") }`; patterns["TooManyRequests"] != want {
		t.Errorf("got pattern %s, want %s", patterns["TooManyRequests"], want)
	}
}

// dashboardWidgets checks the widgets, and that the dashboard has few enough
// metrics to be free.
func dashboardWidgets(t *testing.T, p *template) {
	_, dashboard := p.only(t, "AWS::CloudWatch::Dashboard")
	if diff := cmp.Diff(any(object{"Fn::Join": list{"", list{"Latchkey-" + p.stage + "-", ref("AWS::Region")}}}), dashboard["DashboardName"]); diff != "" {
		t.Errorf("name, which is unique in the account (-want +got):\n%s", diff)
	}
	parts, _ := at(dashboard["DashboardBody"], "Fn::Join").(list)
	var text strings.Builder
	for _, part := range listed(parts[1]) {
		if s, ok := part.(string); ok {
			text.WriteString(s)
		} else {
			text.WriteString("X") // stands for a name
		}
	}
	var body struct {
		Widgets []struct {
			Properties struct {
				Title   string
				Metrics []any
			}
		}
	}
	if err := json.Unmarshal([]byte(text.String()), &body); err != nil {
		t.Fatalf("got %v, want JSON: %s", err, text.String())
	}
	var titles []string
	metrics := 0
	for _, w := range body.Widgets {
		titles = append(titles, w.Properties.Title)
		metrics += len(w.Properties.Metrics)
	}
	want := []string{"Requests by route and status", "Requests", "Tokens created and deleted", "Latency by route, ms", "Latency, ms", "Consumed units", "Throttles", "Removals by TTL"}
	for _, q := range queries.All() {
		want = append(want, q.Title)
	}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("widgets (-want +got):\n%s", diff)
	}
	const others = 11 // requests, latency, units, the table's throttles, removals
	if most := 50; metrics != others+len(api.Functions()) || metrics >= most {
		t.Errorf("got %d metrics, want %d and one for each of %d functions, below %d: more cost money", metrics, others, len(api.Functions()), most)
	}
}
