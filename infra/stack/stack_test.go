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
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestStack synthesizes each stage once, and holds the template to what the
// stack guarantees.
func TestStack(t *testing.T) {
	for _, stage := range stack.Stages() {
		t.Run(stage.Name, func(t *testing.T) {
			p := synthesize(t, stage, "one@example.com", "two@example.com")
			for name, guarantee := range map[string]func(*testing.T, *template){
				"cdk-nag_finds_nothing":                                 findsNothing,
				"rights/function_has_those_of_its_operations":           functionHasRightsOfItsOperations,
				"rights/no_role_is_shared_or_managed":                   noRoleIsSharedOrManaged,
				"rights/no_wildcard_but_for_traces_streams_and_alarms":  noWildcard,
				"rights/only_gateways_invoke":                           onlyGatewaysInvoke,
				"function/runs_as_decided":                              functionRunsAsDecided,
				"function/has_a_log_of_its_own":                         functionHasLogOfItsOwn,
				"routes/are_those_of_the_functions":                     routesAreThoseOfTheFunctions,
				"routes/no_key_ends_in_a_slash_and_collections_are_two": routeKeysReachBothSpellings,
				"gateway/throttles":                                     gatewayThrottles,
				"gateway/logs_no_header":                                gatewayLogsNoHeader,
				"gateway/has_no_CORS":                                   gatewayHasNoCORS,
				"table/is_as_the_store_needs_it":                        tableIsAsTheStoreNeedsIt,
				"purge/reads_the_stream_for_removals_by_TTL":            purgeReadsTheStream,
				"purge/uncounted_is_kept_safe":                          uncountedIsKeptSafe,
				"data/ends_or_stays":                                    dataEndsOrStays,
				"alarms/watch_all_and_tell_the_topic":                   alarmsWatchAllAndTellTheTopic,
				"alarms/topic_lets_only_CloudWatch_in":                  topicLetsOnlyCloudWatchIn,
				"canary/in_prod_only":                                   canaryInProdOnly,
				"dashboard/shows_what_operators_ask":                    dashboardShowsWhatOperatorsAsk,
				"outputs/say_where_it_is":                               outputsSayWhereItIs,
				"size/is_far_from_the_limits_of_CloudFormation":         sizeIsFarFromLimits,
				"golden_file_is_up_to_date":                             compareGolden,
			} {
				t.Run(name, func(t *testing.T) { guarantee(t, p) })
			}
		})
	}
}

func findsNothing(t *testing.T, p *template) {
	for _, finding := range p.findings {
		t.Errorf("got %s, want no finding", finding)
	}
}

// TestNagBites would fail if findings got lost on their way.
func TestNagBites(t *testing.T) {
	app := newApp(t)
	bad := awscdk.NewStack(app, jsii.String("Bad"), nil)
	awssns.NewTopic(bad, jsii.String("Topic"), nil)
	artifact := check(app, bad)
	if len(*artifact.Messages()) == 0 {
		t.Error("got no finding for a topic without TLS, want one")
	}
}

func outputsSayWhereItIs(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	gateway, _ := p.only(t, "AWS::ApiGatewayV2::Api")
	got := object{}
	for _, name := range []string{"ApiUrl", "TableName", "AuthorizerArn"} {
		got[name] = at(p.Outputs[name], "Value")
		if description, _ := p.Outputs[name]["Description"].(string); description == "" {
			t.Errorf("output %s has no description", name)
		}
	}
	authorizer, isAlias := p.target(t, api.Authorizer)
	want := object{"ApiUrl": attribute(gateway, "ApiEndpoint"), "TableName": ref(table), "AuthorizerArn": attribute(authorizer, "Arn")}
	if isAlias {
		want["AuthorizerArn"] = ref(authorizer)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// sizeIsFarFromLimits leaves room for ten functions more, of up to 15
// resources each in prod, and for as many outputs and bytes again: a stack has
// at most 500 resources and 200 outputs, a template 1 MB.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func sizeIsFarFromLimits(t *testing.T, p *template) {
	const resources, outputs, bytes = 500 - 10*15, 200 / 2, 1 << 20 / 2
	t.Logf("%d resources, %d outputs, %d bytes", len(p.Resources), len(p.Outputs), len(p.text))
	if len(p.Resources) > resources || len(p.Outputs) > outputs || len(p.text) > bytes {
		t.Errorf("got %d resources, %d outputs, %d bytes, want at most %d, %d and %d",
			len(p.Resources), len(p.Outputs), len(p.text), resources, outputs, bytes)
	}
}

func TestNewSaysThatAFunctionIsNotBuilt(t *testing.T) {
	build := placeholders(t)
	if err := os.Remove(filepath.Join(build, "get", "bootstrap")); err != nil {
		t.Fatal(err)
	}
	_, err := stack.New(newApp(t), stack.Stages()[0], stack.Options{Build: build})
	if err == nil || !strings.Contains(err.Error(), "function get is not built") || !strings.Contains(err.Error(), "`make build`") {
		t.Errorf("got error %v, want one that names get and make build", err)
	}
}

func TestNewReservesConcurrencyAndGoesWhereItIsTold(t *testing.T) {
	stage := stack.Stages()[0]
	stage.ReservedConcurrency = 3
	app := newApp(t)
	s, err := stack.New(app, stage, stack.Options{Build: placeholders(t), Account: "111122223333", Region: "eu-central-1"})
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

func TestChoose(t *testing.T) {
	for name, want := range map[string][]string{"": {"dev", "staging", "prod"}, "dev": {"dev"}, "prod": {"prod"}} {
		stages, err := stack.Choose(name)
		var got []string
		for _, stage := range stages {
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
