package stack_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// topicIsEncrypted checks that alarms are encrypted with a key that CloudWatch may
// use. With another, it could not publish, and nobody would notice.
func topicIsEncrypted(t *testing.T, p *template) {
	if p.stage == "dev" {
		return // it has no topic, and pays for no key
	}
	id, key := p.only(t, "AWS::KMS::Key")
	_, topic := p.only(t, "AWS::SNS::Topic")
	if diff := cmp.Diff(any(attribute(id, "Arn")), topic["KmsMasterKeyId"]); diff != "" || key["EnableKeyRotation"] != true {
		t.Errorf("got rotation %v, want it on; key of the topic (-want +got):\n%s", key["EnableKeyRotation"], diff)
	}
	want := object{
		"Action": list{"kms:Decrypt", "kms:GenerateDataKey*"}, "Effect": "Allow", "Resource": "*",
		"Principal": object{"Service": "cloudwatch.amazonaws.com"},
		"Condition": object{"StringEquals": object{"aws:SourceAccount": ref("AWS::AccountId")}},
	}
	statements := listed(at(key["KeyPolicy"], "Statement"))
	if !slices.ContainsFunc(statements, func(s any) bool { return cmp.Equal(s, any(want)) }) || len(statements) != 2 { // and the account's own
		t.Errorf("got key policy %v, want %v in it and the account", statements, want)
	}
	if got := p.Resources[id].DeletionPolicy; got != "Delete" {
		t.Errorf("got deletion policy %s, want no key to pay for without the stack", got)
	}
}
