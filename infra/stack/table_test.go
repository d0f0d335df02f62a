package stack_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

// tableSettings checks the keys, the TTL, the stream and the limits of the table.
func tableSettings(t *testing.T, p *template) {
	_, got := p.only(t, "AWS::DynamoDB::Table")
	want := object{
		"AttributeDefinitions": list{
			object{"AttributeName": "pk", "AttributeType": "S"}, object{"AttributeName": "sk", "AttributeType": "N"},
		},
		"KeySchema": list{
			object{"AttributeName": "pk", "KeyType": "HASH"}, object{"AttributeName": "sk", "KeyType": "RANGE"},
		},
		"BillingMode":                      "PAY_PER_REQUEST",
		"TimeToLiveSpecification":          object{"AttributeName": "ttl", "Enabled": true},
		"StreamSpecification":              object{"StreamViewType": "NEW_AND_OLD_IMAGES"},
		"PointInTimeRecoverySpecification": object{"PointInTimeRecoveryEnabled": p.stage != "dev"},
		"DeletionProtectionEnabled":        p.stage == "prod",
		"SSESpecification":                 object{"SSEEnabled": false}, // encrypted with a key that AWS owns
	}
	if limit := map[string]float64{"dev": 100, "staging": 1000}[p.stage]; limit > 0 {
		want["OnDemandThroughput"] = object{"MaxReadRequestUnits": limit, "MaxWriteRequestUnits": limit}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// dataIsDeletedOrKept checks what happens to the table, the logs, the queues and
// old versions when the stack is deleted, how long logs are kept, and that every
// function and the gateway has a log group. A first deployment that fails leaves
// only prod's table, which is protected from deletion.
func dataIsDeletedOrKept(t *testing.T, p *template) {
	want, ofTable := "Delete", "Delete"
	if p.stage == "prod" {
		want, ofTable = "RetainExceptOnCreate", "Retain"
	}
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	if got := p.Resources[table].DeletionPolicy; got != ofTable {
		t.Errorf("table: got deletion policy %s, want %s", got, ofTable)
	}
	for _, id := range p.of("AWS::Lambda::Version") {
		if got := p.Resources[id].DeletionPolicy; got != "RetainExceptOnCreate" {
			t.Errorf("%s: got deletion policy %s, want a rollback to find it", id, got)
		}
	}
	groups := p.of("AWS::Logs::LogGroup")
	for _, id := range append(slices.Clone(groups), p.of("AWS::SQS::Queue")...) {
		if got := p.Resources[id].DeletionPolicy; got != want {
			t.Errorf("%s: got deletion policy %s, want %s", id, got, want)
		}
	}
	days := map[string]float64{"dev": 7, "staging": 30, "prod": 90}[p.stage]
	for _, id := range groups {
		if got := p.Resources[id].Properties["RetentionInDays"]; got != days {
			t.Errorf("log group %s: got a retention of %v days, want %v", id, got, days)
		}
	}
	if got, want := len(groups), len(api.Functions())+1; got != want {
		t.Errorf("got %d log groups, want %d", got, want)
	}
}
