//go:build deploy

package deploytest_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

const (
	toolkit = "CDKToolkit" // the stack of cdk bootstrap
	prod    = "Latchkey-prod"
	// qualifier contains localhost so that moto finds the bucket of the assets.
	qualifier = "localhost"
)

// TestDeployment deploys all stages into one account, compares what was created
// with the templates, and deletes them again.
func TestDeployment(t *testing.T) {
	r := newRehearsal(t)
	r.mustCDK(t, "synth", "--quiet", "--output", r.assembly, "-c", "@aws-cdk/core:bootstrapQualifier="+qualifier)
	r.mustCDK(t, "bootstrap", "aws://"+owner+"/"+region, "--qualifier", qualifier, "--app", r.assembly)
	bootstrapped := r.account(t)
	r.mustCDK(t, "deploy", "--all", "--require-approval", "never", "--app", r.assembly)

	deployed := r.account(t)
	templates := r.templates(t)
	names := append(slices.Sorted(maps.Keys(templates)), toolkit)
	if got := slices.Sorted(maps.Keys(deployed.Stacks)); !slices.Equal(got, slices.Sorted(slices.Values(names))) {
		t.Errorf("got the stacks %v, want %v", got, names)
	}
	for name, wanted := range templates {
		t.Run(name, func(t *testing.T) {
			made := deployed.Stacks[name]
			if made.Status != "CREATE_COMPLETE" {
				t.Errorf("got status %s, want CREATE_COMPLETE", made.Status)
			}
			t.Run("resources", func(t *testing.T) { checkResources(t, made, wanted) })
			t.Run("table", func(t *testing.T) { checkTable(t, deployed, made, wanted) })
			t.Run("functions", func(t *testing.T) { checkFunctions(t, deployed, r.root, made, wanted) })
			t.Run("source", func(t *testing.T) { checkEventSources(t, deployed, made, wanted) })
			t.Run("roles", func(t *testing.T) { checkRoles(t, deployed, made, wanted) })
		})
	}
	t.Run("doctor", func(t *testing.T) { checkDoctor(t, r, deployed, templates[prod]) })
	t.Run("diff", func(t *testing.T) { checkDiff(t, r) })
	t.Run("destroy", func(t *testing.T) { checkDestroy(t, r, bootstrapped, deployed, templates) })
	if wrong := regexp.MustCompile(`(?s)Traceback.*|[^\n]*" 500 -`).FindString(r.log.String()); wrong != "" {
		t.Errorf("moto failed, so the checks above prove nothing:\n%s", wrong)
	}
}

// beyondMoto returns the resource types that moto's CloudFormation does not
// create.
func beyondMoto() []string {
	return []string{
		"AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage",
		"AWS::CloudWatch::Alarm", "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition",
		"AWS::Scheduler::ScheduleGroup",
		"AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
	}
}

// checkResources checks that every resource was created, apart from the types that
// moto does not support.
func checkResources(t *testing.T, made stack, wanted template) {
	for id, resource := range wanted.Resources {
		_, got := made.Resources[id]
		if want := !slices.Contains(beyondMoto(), resource.Type); got != want {
			t.Errorf("%s, %s: got %t, want %t", id, resource.Type, got, want)
		}
	}
}

// checkTable checks keys, billing, stream and deletion protection.
func checkTable(t *testing.T, deployed account, made stack, wanted template) {
	id := tableOf(t, wanted)
	got := deployed.Tables[made.Resources[id]]
	want := table{
		KeySchema: []map[string]string{
			{"AttributeName": dynamo.PartitionKey, "KeyType": "HASH"}, {"AttributeName": dynamo.SortKey, "KeyType": "RANGE"},
		},
		AttributeDefinitions: []map[string]string{
			{"AttributeName": dynamo.PartitionKey, "AttributeType": "S"}, {"AttributeName": dynamo.SortKey, "AttributeType": "N"},
		},
		DeletionProtectionEnabled: wanted.Resources[id].DeletionPolicy == "Retain",
	}
	if want.LatestStreamARN = got.LatestStreamARN; got.LatestStreamARN == "" {
		t.Error("got a table without a stream, want one")
	}
	want.BillingModeSummary.BillingMode = "PAY_PER_REQUEST"
	want.StreamSpecification.StreamEnabled, want.StreamSpecification.StreamViewType = true, "NEW_AND_OLD_IMAGES"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// checkDiff checks that cdk diff reports no difference after the deployment, and
// that it reports one after a change.
func checkDiff(t *testing.T, r *rehearsal) {
	diff := []string{"diff", "--all", "--fail", "--method", "template", "--app", r.assembly}
	if output, same := r.cdk(t, diff...); !same || !strings.Contains(output, "stacks with differences: 0") {
		t.Errorf("after the deployment, got\n%s\nwant no differences", output)
	}
	file := filepath.Join(r.assembly, prod+".template.json")
	text, err := os.ReadFile(file) //nolint:gosec // cdk wrote it
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"dynamodb:DeleteItem"`, `"dynamodb:Scan"`, 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil { //nolint:gosec // cdk wrote it
		t.Fatal(err)
	}
	if output, same := r.cdk(t, diff...); same || !strings.Contains(output, "dynamodb:Scan") {
		t.Errorf("after a change, got\n%s\nwant a difference", output)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil { //nolint:gosec // cdk wrote it
		t.Fatal(err)
	}
}

// checkDestroy checks that cdk destroy leaves only the resources that are to be
// retained, and those that existed before.
func checkDestroy(t *testing.T, r *rehearsal, before, deployed account, templates map[string]template) {
	r.mustCDK(t, "destroy", "--all", "--force", "--app", r.assembly)
	left := r.account(t)
	want := account{
		Stacks: before.Stacks, Functions: before.Functions, Roles: before.Roles, Tables: map[string]table{},
		Topics: before.Topics, Queues: slices.Clone(before.Queues), Sources: before.Sources, LogGroups: slices.Clone(before.LogGroups), Assets: deployed.Assets,
	}
	for name, template := range templates {
		for id, resource := range template.Resources {
			physical := deployed.Stacks[name].Resources[id]
			switch {
			case !strings.HasPrefix(resource.DeletionPolicy, "Retain"):
			case resource.Type == "AWS::DynamoDB::Table":
				want.Tables[physical] = deployed.Tables[physical]
			case resource.Type == "AWS::SQS::Queue":
				want.Queues = append(want.Queues, physical[strings.LastIndex(physical, "/")+1:])
			case resource.Type == "AWS::Logs::LogGroup":
				want.LogGroups = append(want.LogGroups, physical)
			case resource.Type != "AWS::Lambda::Version": // is deleted with its function nevertheless
				t.Errorf("%s: %s, %s, is retained unexpectedly", name, id, resource.Type)
			}
		}
	}
	for _, names := range [][]string{want.LogGroups, left.LogGroups, want.Queues, left.Queues} {
		slices.Sort(names)
	}
	if !reflect.DeepEqual(left, want) {
		t.Errorf("left over: got\n%+v\nwant\n%+v", left, want)
	}
	if kept := slices.Collect(maps.Keys(left.Tables)); len(kept) != 1 || !strings.HasPrefix(kept[0], prod) {
		t.Errorf("got the tables %v left, want that of %s", kept, prod)
	}
}

// tableOf returns the logical ID of the only table.
func tableOf(t *testing.T, wanted template) string {
	t.Helper()
	ids := wanted.ofType("AWS::DynamoDB::Table")
	if len(ids) != 1 {
		t.Fatalf("got the tables %v, want one", ids)
	}
	return ids[0]
}

// mappingOf returns the logical ID of the event source of a function.
func mappingOf(t *testing.T, wanted template, function string) string {
	t.Helper()
	for _, id := range wanted.ofType("AWS::Lambda::EventSourceMapping") {
		if strings.HasPrefix(id, function) {
			return id
		}
	}
	t.Fatalf("got no event source of %s, want one", function)
	return ""
}
