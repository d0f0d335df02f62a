package stack_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestStack synthesizes each stage once, and checks in its template what the
// stack guarantees.
func TestStack(t *testing.T) {
	for _, stage := range stack.Stages() {
		t.Run(stage.Name, func(t *testing.T) {
			p := synthesize(t, stage, "one@example.com", "two@example.com")
			for name, check := range map[string]func(*testing.T, *template){
				"cdk-nag_finds_nothing":                    nagFindsNothing,
				"permissions/each_function_its_operations": functionMayDoItsOperationsOnly,
				"permissions/schedules_call_history":       schedulesMayOnlyCallHistory,
				"permissions/no_shared_or_managed_role":    noRoleIsSharedOrManaged,
				"permissions/few_wildcards":                onlyKnownWildcards,
				"permissions/only_gateways_invoke":         onlyGatewaysInvoke,
				"function/settings":                        functionSettings,
				"function/own_log":                         functionHasItsOwnLog,
				"routes/call_their_functions":              routesCallTheirFunctions,
				"routes/with_and_without_slash":            routesExistWithAndWithoutSlash,
				"gateway/throttling":                       gatewayThrottles,
				"gateway/log_without_headers":              gatewayLogsNoHeader,
				"gateway/no_CORS":                          gatewayHasNoCORS,
				"table/settings":                           tableSettings,
				"stream/event_sources":                     functionsReadTheStream,
				"queues":                                   queuesKeepMessages,
				"webhooks":                                 webhooksAreDelivered,
				"data/deleted_or_kept":                     dataIsDeletedOrKept,
				"alarms/metrics_and_topic":                 alarmsCoverAllAndNotifyTheTopic,
				"alarms/only_CloudWatch_publishes":         onlyCloudWatchPublishes,
				"canary/rolls_back":                        canaryRollsBack,
				"dashboard/widgets":                        dashboardWidgets,
				"throttling/shares":                        throttlingLeavesShares,
				"alarms/price":                             alarmsAreFew,
				"topic/encrypted":                          topicIsEncrypted,
				"tags":                                     everythingIsTagged,
				"queries":                                  queriesReadAllLogs,
				"outputs":                                  outputsNameTheResources,
				"size":                                     sizeIsFarFromLimits,
				"golden_file":                              compareGolden,
			} {
				t.Run(name, func(t *testing.T) { check(t, p) })
			}
		})
	}
}

func nagFindsNothing(t *testing.T, p *template) {
	for _, finding := range p.findings {
		t.Errorf("got %s, want no finding", finding)
	}
}

// TestNagReportsFindings checks that a finding of cdk-nag reaches the tests.
func TestNagReportsFindings(t *testing.T) {
	app := newApp(t)
	bad := awscdk.NewStack(app, jsii.String("Bad"), nil)
	awssns.NewTopic(bad, jsii.String("Topic"), nil)
	artifact := check(app, bad)
	if len(*artifact.Messages()) == 0 {
		t.Error("got no finding for a topic without TLS, want one")
	}
}

// outputsNameTheResources checks that the outputs contain the API, the tables and
// the authorizer, each with a description.
func outputsNameTheResources(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	gateway, _ := p.only(t, "AWS::ApiGatewayV2::Api")
	got := object{}
	for _, name := range []string{"ApiUrl", "TableName", "OwnTableName", "AuthorizerArn"} {
		got[name] = at(p.Outputs[name], "Value")
		if description, _ := p.Outputs[name]["Description"].(string); description == "" {
			t.Errorf("output %s has no description", name)
		}
	}
	want := object{"ApiUrl": attribute(gateway, "ApiEndpoint"), "TableName": ref(table), "OwnTableName": ref(table), "AuthorizerArn": ref(p.alias(t, api.Authorizer))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// sizeIsFarFromLimits checks that eight more functions fit, with up to 15
// resources each in prod, and twice the outputs and bytes. A stack has at most
// 500 resources and 200 outputs, a template at most 1 MB.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func sizeIsFarFromLimits(t *testing.T, p *template) {
	const resources, outputs, bytes = 500 - 8*15, 200 / 2, 1 << 20 / 2
	t.Logf("%d resources, %d outputs, %d bytes", len(p.Resources), len(p.Outputs), len(p.text))
	if len(p.Resources) > resources || len(p.Outputs) > outputs || len(p.text) > bytes {
		t.Errorf("got %d resources, %d outputs, %d bytes, want at most %d, %d and %d",
			len(p.Resources), len(p.Outputs), len(p.text), resources, outputs, bytes)
	}
}

// everythingIsTagged checks that the bill can be split by service and stage: the
// resources that cost money have both tags.
func everythingIsTagged(t *testing.T, p *template) {
	tagged := 0
	for id, r := range p.Resources {
		var got object
		switch tags := r.Tags.(type) {
		case object: // of API Gateway
			got = tags
		case list:
			got = object{}
			for _, tag := range tags {
				key, _ := at(tag, "Key").(string)
				got[key] = at(tag, "Value")
			}
		default:
			if slices.Contains([]string{"Function", "Table", "Stage", "LogGroup", "Queue", "Topic", "Alarm"}, r.Type[strings.LastIndex(r.Type, ":")+1:]) {
				t.Errorf("%s %s has no tags, want both", r.Type, id)
			}
			continue
		}
		tagged++
		if diff := cmp.Diff(object{"latchkey:service": "latchkey", "latchkey:stage": p.stage}, got); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", id, diff)
		}
	}
	if least := 3 * len(api.Functions()); tagged < least { // function, role, log
		t.Errorf("got %d resources with tags, want %d or more", tagged, least)
	}
}

// TestNewWithoutABuiltFunction checks that the error names the function and the
// command that builds it.
func TestNewWithoutABuiltFunction(t *testing.T) {
	build := placeholders(t)
	if err := os.Remove(filepath.Join(build, "get", "bootstrap")); err != nil {
		t.Fatal(err)
	}
	_, err := stack.New(newApp(t), stack.Stages()[0], stack.Options{Build: build})
	if err == nil || !strings.Contains(err.Error(), "function get is not built") || !strings.Contains(err.Error(), "`make build`") {
		t.Errorf("got error %v, want one that names get and make build", err)
	}
}

// TestNewAppliesStageAndOptions checks the reserved concurrency of a stage, and
// the account and region of the options.
func TestNewAppliesStageAndOptions(t *testing.T) {
	stage := stack.Stages()[0]
	stage.ReservedConcurrency = 3
	app := newApp(t)
	s, err := stack.New(app, stage, stack.Options{Build: placeholders(t), Settings: stages.Settings{Account: "111122223333", Region: "eu-central-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if *s.Account() != "111122223333" || *s.Region() != "eu-central-1" {
		t.Errorf("got account %s and region %s, want those of the options", *s.Account(), *s.Region())
	}
	artifact := app.Synth(nil).GetStackByName(s.StackName())
	text := string(read(t, *artifact.TemplateFullPath()))
	if got, want := strings.Count(text, `"ReservedConcurrentExecutions": 3`), len(api.Functions()); got != want {
		t.Errorf("got %d functions with a reserved concurrency of 3, want %d", got, want)
	}
}

// TestChoose checks that a name selects its stage, no name selects all, and an
// unknown name is an error that lists the stages.
func TestChoose(t *testing.T) {
	for name, want := range map[string][]string{"": stages.Names(), "dev": {"dev"}, "prod": {"prod"}} {
		chosen, err := stack.Choose(name)
		var got []string
		for _, stage := range chosen {
			got = append(got, stage.Name)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Choose(%q): got %v, %v, want %v", name, got, err, want)
		}
	}
	if _, err := stack.Choose("production"); err == nil || !strings.Contains(err.Error(), "[dev staging prod]") {
		t.Errorf("got error %v, want one that lists the stages", err)
	}
}
