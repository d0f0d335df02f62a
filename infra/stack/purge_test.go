package stack_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
)

// removalsComeToPurge: what fails is asked for again, in halves and not for
// ever, within the day for which the stream keeps it; then it is in the queue.
func removalsComeToPurge(t *testing.T, p *template) {
	_, source := p.only(t, "AWS::Lambda::EventSourceMapping")
	queue, settings := p.only(t, "AWS::SQS::Queue")
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	want := object{
		"EventSourceArn": attribute(table, "StreamArn"), "StartingPosition": "TRIM_HORIZON",
		"BatchSize": 25.0, "MaximumBatchingWindowInSeconds": 5.0,
		"BisectBatchOnFunctionError": true, "FunctionResponseTypes": list{"ReportBatchItemFailures"},
		"MaximumRetryAttempts": 10.0, "MaximumRecordAgeInSeconds": 23 * 3600.0,
		"DestinationConfig": object{"OnFailure": object{"Destination": attribute(queue, "Arn")}},
		"FilterCriteria":    object{"Filters": list{object{"Pattern": stack.RemovalFilter}}},
		"FunctionName":      source["FunctionName"],
	}
	delete(source, "Tags")
	if diff := cmp.Diff(want, source); diff != "" {
		t.Errorf("event source (-want +got):\n%s", diff)
	}
	if settings["SqsManagedSseEnabled"] != true || settings["MessageRetentionPeriod"] != 14*86400.0 {
		t.Errorf("queue: got %v, want it encrypted and to keep what it has for two weeks", settings)
	}
	var filter struct {
		EventName    []string
		UserIdentity struct{ Type, PrincipalID []string }
	}
	if err := json.Unmarshal([]byte(stack.RemovalFilter), &filter); err != nil || len(filter.EventName) != 1 {
		t.Errorf("filter: got %+v, %v", filter, err)
	}
}

// A table that was restored has no stream unless it got one; with one, what
// time to live removes of it is counted.
func TestTheStreamOfARestoredTableComesToPurge(t *testing.T) {
	const arn = "arn:aws:dynamodb:us-east-1:123456789012:table/restored/stream/2026-01-01T00:00:00.000"
	for stream, want := range map[string]int{"": 0, arn: 1} {
		app := newApp(t)
		s, err := stack.New(app, stack.Stages()[2], stack.Options{Build: placeholders(t), Table: "restored", TableStream: stream})
		if err != nil {
			t.Fatal(err)
		}
		var made template
		if err := json.Unmarshal(read(t, *app.Synth(nil).GetStackByName(s.StackName()).TemplateFullPath()), &made); err != nil {
			t.Fatal(err)
		}
		sources := made.of("AWS::Lambda::EventSourceMapping")
		if len(sources) != want || want == 1 && made.Resources[sources[0]].Properties["EventSourceArn"] != arn {
			t.Errorf("stream %q: got sources %v, want %d", stream, sources, want)
		}
	}
}
