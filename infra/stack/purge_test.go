package stack_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

// purgeReadsTheStream checks the settings of the event source. It repeats the
// numbers, so that none of them changes by mistake.
func purgeReadsTheStream(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	queue, _ := p.only(t, "AWS::SQS::Queue")
	_, got := p.only(t, "AWS::Lambda::EventSourceMapping")
	purge, isAlias := p.target(t, api.Purge)
	name := attribute(purge, "Arn")
	if isAlias {
		name = ref(purge)
	}
	want := object{
		"FunctionName": name, "EventSourceArn": attribute(table, "StreamArn"), "StartingPosition": "TRIM_HORIZON",
		"BatchSize": 100.0, "MaximumBatchingWindowInSeconds": 5.0,
		"MaximumRetryAttempts": 10.0, "MaximumRecordAgeInSeconds": 82800.0,
		"BisectBatchOnFunctionError": true, "FunctionResponseTypes": list{"ReportBatchItemFailures"},
		"DestinationConfig": object{"OnFailure": object{"Destination": attribute(queue, "Arn")}},
		"FilterCriteria":    got["FilterCriteria"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event source (-want +got):\n%s", diff)
	}
	filters := listed(at(got["FilterCriteria"], "Filters"))
	text, _ := at(filters[0], "Pattern").(string)
	var pattern any
	if err := json.Unmarshal([]byte(text), &pattern); err != nil || len(filters) != 1 {
		t.Fatalf("got filters %v (%v), want one in JSON", filters, err)
	}
	if diff := cmp.Diff(any(object{
		"eventName":    list{"REMOVE"},
		"userIdentity": object{"type": list{"Service"}, "principalId": list{"dynamodb.amazonaws.com"}},
		"dynamodb":     object{"Keys": object{"pk": object{"S": list{object{"prefix": "T#"}}}}},
	}), pattern); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
}

// queueKeepsMessages checks that removals which could not be counted wait for an
// operator, encrypted, for 14 days.
func queueKeepsMessages(t *testing.T, p *template) {
	queue, got := p.only(t, "AWS::SQS::Queue")
	const days = 14 * 24 * 60 * 60.0
	if diff := cmp.Diff(object{"MessageRetentionPeriod": days, "SqsManagedSseEnabled": true}, got); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	_, policy := p.only(t, "AWS::SQS::QueuePolicy")
	want := list{object{
		"Action": "sqs:*", "Effect": "Deny", "Principal": object{"AWS": "*"}, "Resource": attribute(queue, "Arn"),
		"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
	}}
	if diff := cmp.Diff(any(want), at(policy["PolicyDocument"], "Statement")); diff != "" {
		t.Errorf("queue policy (-want +got):\n%s", diff)
	}
}
