package stack_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

// functionsReadTheStream checks the settings of the event sources. It repeats the
// numbers, so that none of them changes by mistake.
func functionsReadTheStream(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	queue := p.queue(t, "purgeUncounted")
	wants := map[string]object{
		api.Purge: {
			"BatchSize": 100.0, "MaximumBatchingWindowInSeconds": 5.0, "MaximumRetryAttempts": 10.0, "MaximumRecordAgeInSeconds": 82800.0,
			"DestinationConfig": object{"OnFailure": object{"Destination": attribute(queue, "Arn")}},
			"FilterCriteria": list{object{
				"eventName":    list{"REMOVE"},
				"userIdentity": object{"type": list{"Service"}, "principalId": list{"dynamodb.amazonaws.com"}},
				"dynamodb":     object{"Keys": object{"pk": object{"S": list{object{"prefix": "T#"}}}}},
			}},
		},
		api.History: {
			"BatchSize": 2000.0, "MaximumBatchingWindowInSeconds": 60.0, "MaximumRetryAttempts": -1.0, "MaximumRecordAgeInSeconds": -1.0,
			"FilterCriteria": list{
				object{"dynamodb": object{"Keys": object{"pk": object{"S": list{object{"prefix": "T#"}, object{"prefix": "U#"}, object{"prefix": "W#"}, "P"}}}}},
				object{"dynamodb": object{
					"Keys":     object{"pk": object{"S": list{object{"prefix": "E#"}}}},
					"NewImage": object{"did": object{"M": object{"k": object{"S": list{object{"prefix": "webhook."}}}}}},
				}},
			},
		},
	}
	sources := slices.DeleteFunc(p.of("AWS::Lambda::EventSourceMapping"), func(id string) bool { return strings.HasPrefix(id, api.Deliver) })
	if len(sources) != len(wants) {
		t.Fatalf("got event sources %v, want %d", sources, len(wants))
	}
	for function, want := range wants {
		i := slices.IndexFunc(sources, func(id string) bool { return strings.HasPrefix(id, function) })
		if i < 0 {
			t.Fatalf("got event sources %v, want one of %s", sources, function)
		}
		got := maps.Clone(p.Resources[sources[i]].Properties)
		var patterns list
		for _, filter := range listed(at(got["FilterCriteria"], "Filters")) {
			text, _ := at(filter, "Pattern").(string)
			var pattern object
			if err := json.Unmarshal([]byte(text), &pattern); err != nil {
				t.Fatalf("%s: got filter %s (%v), want JSON", function, text, err)
			}
			patterns = append(patterns, pattern)
		}
		got["FilterCriteria"] = patterns
		maps.Copy(want, object{
			"FunctionName": ref(p.alias(t, function)), "EventSourceArn": attribute(table, "StreamArn"), "StartingPosition": "TRIM_HORIZON",
			"BisectBatchOnFunctionError": true, "FunctionResponseTypes": list{"ReportBatchItemFailures"},
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event source of %s (-want +got):\n%s", function, diff)
		}
	}
}

// queue returns the queue whose logical ID begins with a text.
func (p *template) queue(t *testing.T, prefix string) string {
	t.Helper()
	queues := slices.DeleteFunc(p.of("AWS::SQS::Queue"), func(id string) bool { return !strings.HasPrefix(id, prefix) })
	if len(queues) != 1 {
		t.Fatalf("got queues %v, want one %s", queues, prefix)
	}
	return queues[0]
}

// queuesKeepMessages checks that removals which could not be counted, and webhooks that
// are on their way or failed, are kept for 14 days, encrypted. A message of the queue of
// webhooks is hidden for six times the timeout of its function, and may be received more
// often than an event is sent.
func queuesKeepMessages(t *testing.T, p *template) {
	const days = 14 * 24 * 60 * 60.0
	failed := p.queue(t, "deliverFailed")
	for prefix, more := range map[string]object{
		"purgeUncounted": {}, "deliverFailed": {},
		"deliverQueue": {"VisibilityTimeout": 360.0, "RedrivePolicy": object{"deadLetterTargetArn": attribute(failed, "Arn"), "maxReceiveCount": 500.0}},
	} {
		queue := p.queue(t, prefix)
		maps.Copy(more, object{"MessageRetentionPeriod": days, "SqsManagedSseEnabled": true})
		if diff := cmp.Diff(more, p.Resources[queue].Properties); diff != "" {
			t.Errorf("queue %s (-want +got):\n%s", queue, diff)
		}
		policies := slices.DeleteFunc(p.of("AWS::SQS::QueuePolicy"), func(id string) bool { return !strings.HasPrefix(id, prefix) })
		want := list{object{
			"Action": "sqs:*", "Effect": "Deny", "Principal": object{"AWS": "*"}, "Resource": attribute(queue, "Arn"),
			"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
		}}
		if len(policies) != 1 {
			t.Fatalf("got policies %v of queue %s, want one", policies, queue)
		}
		if diff := cmp.Diff(any(want), at(p.Resources[policies[0]].Properties["PolicyDocument"], "Statement")); diff != "" {
			t.Errorf("policy of queue %s (-want +got):\n%s", queue, diff)
		}
	}
}

// webhooksAreDelivered checks the event source of the function deliver, and where the
// function history publishes events.
func webhooksAreDelivered(t *testing.T, p *template) {
	queue := p.queue(t, "deliverQueue")
	sources := slices.DeleteFunc(p.of("AWS::Lambda::EventSourceMapping"), func(id string) bool { return !strings.HasPrefix(id, api.Deliver) })
	if len(sources) != 1 {
		t.Fatalf("got event sources %v, want one", sources)
	}
	want := object{
		"FunctionName": ref(p.alias(t, api.Deliver)), "EventSourceArn": attribute(queue, "Arn"), "BatchSize": 10.0,
		"FunctionResponseTypes": list{"ReportBatchItemFailures"}, "ScalingConfig": object{"MaximumConcurrency": 5.0},
	}
	if diff := cmp.Diff(want, p.Resources[sources[0]].Properties); diff != "" {
		t.Errorf("event source (-want +got):\n%s", diff)
	}
	_, properties := p.only(t, "AWS::Events::EventBus")
	if properties["Name"] != "latchkey-"+p.stage {
		t.Errorf("got bus %v, want the name latchkey-%s", properties, p.stage)
	}
	if diff := cmp.Diff(any("latchkey-"+p.stage), at(p.Outputs["EventBusName"], "Value")); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}
