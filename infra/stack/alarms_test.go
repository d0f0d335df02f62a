package stack_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		"5xx", "Count", "ReadThrottleEvents", "WriteThrottleEvents",
		"SystemErrors GetItem", "SystemErrors BatchGetItem", "SystemErrors Query", "SystemErrors PutItem", "SystemErrors UpdateItem", "SystemErrors TransactWriteItems",
	}
	for _, f := range api.Functions() {
		want = append(want, "Errors "+f.Name, "Throttles "+f.Name)
		switch f.Name {
		case api.Purge:
			want = append(want, "IteratorAge "+f.Name, "ApproximateNumberOfMessagesVisible")
		case api.Console: // it answers from memory
		default:
			want = append(want, "Duration "+f.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics with an alarm (-want +got):\n%s", diff)
	}
}

// onlyCloudWatchPublishes checks the policy of the topic. It replaces the default
// policy, so it must allow CloudWatch.
func onlyCloudWatchPublishes(t *testing.T, p *template) {
	if p.stage == "dev" {
		if got := p.of("AWS::SNS::Topic"); len(got) > 0 {
			t.Errorf("got topics %v, want none without alarms", got)
		}
		return
	}
	topic, _ := p.only(t, "AWS::SNS::Topic")
	_, policy := p.only(t, "AWS::SNS::TopicPolicy")
	want := list{
		object{
			"Sid": "AllowPublishThroughSSLOnly", "Effect": "Deny", "Action": "sns:Publish", "Principal": "*", "Resource": ref(topic),
			"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
		},
		object{
			"Sid": "1", "Effect": "Allow", "Action": "sns:Publish", "Principal": object{"Service": "cloudwatch.amazonaws.com"}, "Resource": ref(topic),
			"Condition": object{"StringEquals": object{"aws:SourceAccount": ref("AWS::AccountId")}},
		},
	}
	if diff := cmp.Diff(any(want), at(policy["PolicyDocument"], "Statement")); diff != "" {
		t.Errorf("topic policy (-want +got):\n%s", diff)
	}
	var mails []string
	for _, id := range p.of("AWS::SNS::Subscription") {
		mails = append(mails, fmt.Sprint(p.Resources[id].Properties["Endpoint"]))
	}
	slices.Sort(mails)
	if !slices.Equal(mails, []string{"one@example.com", "two@example.com"}) {
		t.Errorf("got subscriptions %v, want the two addresses", mails)
	}
}

// canaryInProdOnly checks that in prod, and only there, CodeDeploy shifts each
// function gradually and rolls back when an alarm fires.
func canaryInProdOnly(t *testing.T, p *template) {
	want := 0
	if p.stage == "prod" {
		want = len(api.Functions())
	}
	groups, aliases := p.of("AWS::CodeDeploy::DeploymentGroup"), p.of("AWS::Lambda::Alias")
	if len(groups) != want || len(aliases) != want {
		t.Errorf("got %d deployment groups and %d aliases, want %d", len(groups), len(aliases), want)
	}
	for _, id := range aliases {
		alias := p.Resources[id].Properties
		if alias["Name"] != "live" || !strings.Contains(string(p.text), `"CodeDeployLambdaAliasUpdate"`) {
			t.Errorf("got alias %v, want live, updated by CodeDeploy", alias)
		}
	}
	for _, id := range groups {
		group := p.Resources[id].Properties
		alarms, _ := at(group["AlarmConfiguration"], "Alarms").(list)
		if at(group["AlarmConfiguration"], "Enabled") != true || len(alarms) != 2 {
			t.Errorf("%s: got alarms %v, want the alarm of the function and that of the API", id, alarms)
		}
		if events := listed(at(group["AutoRollbackConfiguration"], "Events")); !slices.Contains(events, any("DEPLOYMENT_STOP_ON_ALARM")) {
			t.Errorf("%s: got rollback on %v, want it on an alarm", id, events)
		}
		if got := group["DeploymentConfigName"]; got != "CodeDeployDefault.LambdaCanary10Percent5Minutes" {
			t.Errorf("%s: got %v, want a tenth for five minutes", id, got)
		}
	}
}

// dashboardWidgets checks the widgets, and that the dashboard has few enough
// metrics to be free.
func dashboardWidgets(t *testing.T, p *template) {
	_, dashboard := p.only(t, "AWS::CloudWatch::Dashboard")
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
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("widgets (-want +got):\n%s", diff)
	}
	const others = 11 // requests, latency, units, the table's throttles, removals
	if most := 50; metrics != others+len(api.Functions()) || metrics >= most {
		t.Errorf("got %d metrics, want %d and one for each of %d functions, below %d: more cost money", metrics, others, len(api.Functions()), most)
	}
}
