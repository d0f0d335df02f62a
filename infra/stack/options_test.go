package stack_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
)

// TestSettings synthesizes a stage with the settings that add resources: a domain,
// a budget and backups.
func TestSettings(t *testing.T) {
	const certificate = "arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
	off := false
	p := synthesizeWith(t, stack.Stages()[0], stack.Options{Settings: stages.Settings{
		Account: "111122223333", Region: "eu-central-1", AlarmEmails: []string{"one@example.com"}, ForeignKeys: true,
		Domain: "tokens.example.com", Certificate: certificate, BasePath: "internal/keys", ExecuteAPI: &off,
		BudgetDollars: 50, BackupPlan: true,
	}})
	for name, check := range map[string]func(*testing.T, *template){
		"cdk-nag_finds_nothing": nagFindsNothing,
		"domain":                func(t *testing.T, p *template) { domainLeadsToTheAPI(t, p, certificate) },
		"budget":                budgetTells,
		"backup":                backupIsDaily,
		"foreign_keys":          foreignKeysMayBeRead,
	} {
		t.Run(name, func(t *testing.T) { check(t, p) })
	}
}

// domainLeadsToTheAPI checks that the domain and its base path lead to the API,
// that the functions know the base path, and that the API's own URL is off.
func domainLeadsToTheAPI(t *testing.T, p *template, certificate string) {
	gateway, properties := p.only(t, "AWS::ApiGatewayV2::Api")
	domain, got := p.only(t, "AWS::ApiGatewayV2::DomainName")
	stage, _ := p.only(t, "AWS::ApiGatewayV2::Stage")
	_, mapping := p.only(t, "AWS::ApiGatewayV2::ApiMapping")
	want := object{"DomainName": "tokens.example.com", "DomainNameConfigurations": list{
		object{"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("domain (-want +got):\n%s", diff)
	}
	want = object{"ApiId": ref(gateway), "DomainName": ref(domain), "Stage": ref(stage), "ApiMappingKey": "internal/keys"}
	if diff := cmp.Diff(want, mapping); diff != "" {
		t.Errorf("mapping (-want +got):\n%s", diff)
	}
	if properties["DisableExecuteApiEndpoint"] != true {
		t.Error("the URL of API Gateway answers, want it off")
	}
	if got := p.Outputs["ApiUrl"]["Value"]; got != "https://tokens.example.com/internal/keys" {
		t.Errorf("got ApiUrl %v, want the domain with the base path", got)
	}
	if diff := cmp.Diff(any(attribute(domain, "RegionalDomainName")), p.Outputs["DomainTarget"]["Value"]); diff != "" {
		t.Errorf("target for DNS (-want +got):\n%s", diff)
	}
	for _, id := range p.of("AWS::Lambda::Function") {
		if got := at(p.Resources[id].Properties, "Environment", "Variables", "BASE_PATH"); got != "internal/keys" {
			t.Errorf("%s: got base path %v, want that of the mapping", id, got)
		}
	}
}

// budgetTells checks that a mail is sent before and when the stage, which its tag
// selects, costs what it may.
func budgetTells(t *testing.T, p *template) {
	_, got := p.only(t, "AWS::Budgets::Budget")
	notification := func(kind string, percent float64) any {
		return object{
			"Notification": object{"NotificationType": kind, "ComparisonOperator": "GREATER_THAN", "Threshold": percent, "ThresholdType": "PERCENTAGE"},
			"Subscribers":  list{object{"Address": "one@example.com", "SubscriptionType": "EMAIL"}},
		}
	}
	want := object{
		"Budget": object{
			"BudgetName": "Latchkey-dev-eu-central-1", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": object{"Amount": 50.0, "Unit": "USD"},
			"CostFilters": object{"TagKeyValue": list{"user:latchkey:stage$dev"}},
		},
		"NotificationsWithSubscribers": list{notification("ACTUAL", 80), notification("FORECASTED", 100)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("budget (-want +got):\n%s", diff)
	}
}

// backupIsDaily checks the plan, that it selects the table, and that the vault is
// kept, because CloudFormation can't delete one with backups.
func backupIsDaily(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	vault, _ := p.only(t, "AWS::Backup::BackupVault")
	_, plan := p.only(t, "AWS::Backup::BackupPlan")
	_, selection := p.only(t, "AWS::Backup::BackupSelection")
	rules := listed(at(plan["BackupPlan"], "BackupPlanRule"))
	if len(rules) != 1 || at(rules[0], "ScheduleExpression") != "cron(0 3 * * ? *)" || at(rules[0], "Lifecycle", "DeleteAfterDays") != 35.0 {
		t.Errorf("got rules %v, want a backup a day, kept for 35 days", rules)
	}
	if got := at(selection["BackupSelection"], "Resources"); !cmp.Equal(got, any(list{attribute(table, "Arn")})) {
		t.Errorf("got %v selected, want the table", got)
	}
	if got := p.Resources[vault].DeletionPolicy; got != "RetainExceptOnCreate" {
		t.Errorf("vault: got deletion policy %s, want it kept", got)
	}
}

// foreignKeysMayBeRead checks that verify may read the partitions of foreign keys, if
// the stage accepts them, and get may not.
func foreignKeysMayBeRead(t *testing.T, p *template) {
	for name, want := range map[string]bool{"verify": true, "get": false} {
		_, function := p.function(t, name)
		got := false
		for _, document := range p.policies(roleOf(function)) {
			for _, s := range statements(document) {
				read := slices.Contains(s.Actions, any("dynamodb:GetItem"))
				got = got || read && slices.Contains(listed(at(s.Condition, "ForAllValues:StringLike", "dynamodb:LeadingKeys")), any("K#*"))
			}
		}
		if got != want {
			t.Errorf("%s: may read foreign keys: %t, want %t", name, got, want)
		}
	}
}
