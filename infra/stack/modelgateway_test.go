package stack_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestUpstream synthesizes stages with an upstream, and checks the function in
// front of it.
func TestUpstream(t *testing.T) {
	all := stack.Stages()
	for _, stage := range []stack.Stage{all[0], all[len(all)-1]} { // without and with a canary
		t.Run(stage.Name, func(t *testing.T) {
			p := synthesizeWith(t, stage, stack.Options{Settings: stages.Settings{Upstream: &stages.Upstream{URL: "https://api.openai.com"}}})
			for name, check := range map[string]func(*testing.T, *template){
				"cdk-nag_finds_nothing": nagFindsNothing,
				"settings":              modelGatewaySettings,
				"permissions":           modelGatewayPermissions,
				"function_url":          modelGatewayURL,
				"no_idle_cost":          nothingCostsWhenIdle,
				"golden_file":           func(t *testing.T, p *template) { compareGoldenIn(t, "testdata/upstream", p) },
			} {
				t.Run(name, func(t *testing.T) { check(t, p) })
			}
		})
	}
}

// TestUpstreamSettings checks that settings and the name of the parameter reach the
// function.
func TestUpstreamSettings(t *testing.T) {
	p := synthesizeWith(t, stack.Stages()[0], stack.Options{Settings: stages.Settings{Upstream: &stages.Upstream{
		URL: "https://api.anthropic.com", KeyParameter: "/other/key", Auth: "x-api-key", Clamp: true, AllowOrigin: []string{"https://a.example", "https://b.example"},
	}}})
	_, f := p.function(t, api.ModelGateway)
	got, _ := at(f, "Environment", "Variables").(object)
	if got["UPSTREAM_AUTH"] != "x-api-key" || got["CLAMP"] != "true" || got["UPSTREAM_KEY_PARAMETER"] != "/other/key" || got["ALLOW"] != nil || got["ALLOW_ORIGIN"] != "https://a.example,https://b.example" {
		t.Errorf("got variables %v, want the settings", got)
	}
}

// modelGatewaySettings checks the time, the memory and the variables.
func modelGatewaySettings(t *testing.T, p *template) {
	_, f := p.function(t, api.ModelGateway)
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	if f["MemorySize"] != 256.0 || f["Timeout"] != 900.0 {
		t.Errorf("got %v MB for %v s, want 256 MB for 15 minutes", f["MemorySize"], f["Timeout"])
	}
	got, _ := at(f, "Environment", "Variables").(object)
	if got["UPSTREAM_URL"] != "https://api.openai.com" || got["UPSTREAM_KEY_PARAMETER"] != "/latchkey/"+p.stage+"/upstream-key" || cmp.Diff(got["TABLE_NAME"], any(ref(table))) != "" {
		t.Errorf("got variables %v, want the upstream, the parameter and the table", got)
	}
}

// modelGatewayPermissions checks that the function may move quota, read the one
// parameter, write its log, and nothing else.
func modelGatewayPermissions(t *testing.T, p *template) {
	_, f := p.function(t, api.ModelGateway)
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	logs, _ := at(f, "LoggingConfig", "LogGroup", "Ref").(string)
	parameter := object{"Fn::Join": list{"", list{
		"arn:", ref("AWS::Partition"), ":ssm:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":parameter/latchkey/" + p.stage + "/upstream-key",
	}}}
	want := []statement{
		{list{"dynamodb:GetItem"}, list{attribute(table, "Arn")}, onPartitions("P", "T#*", "U#*", "W#*")},
		{list{"dynamodb:Query"}, list{attribute(table, "Arn")}, onPartitions("T#*")},
		{list{"dynamodb:UpdateItem"}, list{attribute(table, "Arn")}, onPartitions("T#*", "W#*")},
		{list{"logs:CreateLogStream", "logs:PutLogEvents"}, list{attribute(logs, "Arn")}, nil},
		{list{"ssm:GetParameter"}, list{parameter}, nil},
	}
	var got []statement
	for _, document := range p.policies(roleOf(f)) {
		got = append(got, statements(document)...)
	}
	slices.SortFunc(got, func(a, b statement) int { return strings.Compare(flat(a.Actions), flat(b.Actions)) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

// modelGatewayURL checks that the URL streams and lets everybody call the function,
// which checks keys itself, but only through the URL.
func modelGatewayURL(t *testing.T, p *template) {
	_, url := p.only(t, "AWS::Lambda::Url")
	if url["AuthType"] != "NONE" || url["InvokeMode"] != "RESPONSE_STREAM" || url["Cors"] != nil {
		t.Errorf("got %v, want a URL that streams, without IAM and CORS", url)
	}
	if url["Qualifier"] != "live" {
		t.Errorf("got qualifier %v, want the alias", url["Qualifier"])
	}
	var got []string
	for _, id := range p.of("AWS::Lambda::Permission") {
		permission := p.Resources[id].Properties
		if permission["Principal"] != "*" {
			continue
		}
		action, _ := permission["Action"].(string)
		got = append(got, action)
		if throughURL := permission["FunctionUrlAuthType"] == "NONE" || permission["InvokedViaFunctionUrl"] == true; !throughURL {
			t.Errorf("permission %s: got %v, want it for the URL only", id, permission)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"}, got); diff != "" {
		t.Errorf("permissions of everybody (-want +got):\n%s", diff)
	}
	if p.Outputs["GatewayUrl"]["Value"] == nil {
		t.Error("got no output GatewayUrl, want the URL")
	}
}

// nothingCostsWhenIdle checks that the stack has nothing that is paid by the hour.
func nothingCostsWhenIdle(t *testing.T, p *template) {
	for id, r := range p.Resources {
		if strings.HasPrefix(r.Type, "AWS::EC2::") || r.Properties["ProvisionedConcurrencyConfig"] != nil || r.Properties["VpcConfig"] != nil {
			t.Errorf("got %s %s, want no network and no provisioned concurrency", r.Type, id)
		}
	}
}
