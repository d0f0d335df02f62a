//go:build deploy

package deploytest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
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
			t.Run("source", func(t *testing.T) { checkEventSource(t, deployed, made, wanted) })
			t.Run("roles", func(t *testing.T) { checkRoles(t, deployed, made, wanted) })
		})
	}
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
		"AWS::CloudWatch::Alarm", "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
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
	id := one(t, wanted, "AWS::DynamoDB::Table")
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
	want.StreamSpecification.StreamEnabled, want.StreamSpecification.StreamViewType = true, "OLD_IMAGE"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// checkFunctions checks the settings and the code of every function.
func checkFunctions(t *testing.T, deployed account, root string, made stack, wanted template) {
	for _, f := range api.Functions() {
		got, ok := functionOf(deployed, made, wanted, f.Name)
		if !ok {
			t.Errorf("%s: not deployed", f.Name)
			continue
		}
		timeout := 8
		if f.Name == api.Purge {
			timeout = int(eventsource.Timeout.Seconds())
		}
		if got.Runtime != "provided.al2023" || got.Handler != "bootstrap" || got.MemorySize != 512 || got.Timeout != timeout {
			t.Errorf("%s: got %+v, want bootstrap on provided.al2023 with 512 MB and %d s", f.Name, got, timeout)
		}
		if got, want := got.Environment.Variables[boot.EnvTable], made.Resources[one(t, wanted, "AWS::DynamoDB::Table")]; got != want {
			t.Errorf("%s: got table %q, want %q", f.Name, got, want)
		}
		built, err := os.ReadFile(filepath.Join(root, "build", f.Name, "bootstrap")) //nolint:gosec // a file of the project
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(built)
		if got, want := deployed.Assets[got.CodeSHA256], hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: got code whose bootstrap has the SHA-256 %q, want that of build/, %q", f.Name, got, want)
		}
		if live := len(wanted.ofType("AWS::Lambda::Alias")) > 0; live && !reflect.DeepEqual(got.Aliases, map[string]string{"live": "1"}) {
			t.Errorf("%s: got aliases %v, want live at version 1", f.Name, got.Aliases)
		}
	}
	if got, want := len(wanted.ofType("AWS::Lambda::Function")), len(api.Functions()); got != want {
		t.Errorf("got %d functions, want %d", got, want)
	}
}

// checkEventSource compares the function by the start of its ARN, because moto
// replaces the ARN of an alias by that of the function.
func checkEventSource(t *testing.T, deployed account, made stack, wanted template) {
	want := source{
		EventSourceARN:                 deployed.Tables[made.Resources[one(t, wanted, "AWS::DynamoDB::Table")]].LatestStreamARN,
		StartingPosition:               eventsource.StartingPosition,
		BatchSize:                      eventsource.BatchSize,
		MaximumBatchingWindowInSeconds: int(eventsource.Window.Seconds()),
		MaximumRecordAgeInSeconds:      int(eventsource.MaxAge.Seconds()),
		MaximumRetryAttempts:           eventsource.Retries,
		FunctionResponseTypes:          []string{eventsource.Response},
	}
	want.FilterCriteria.Filters = []struct{ Pattern string }{{eventsource.Filter()}}
	want.DestinationConfig.OnFailure.Destination = queueARN(t, deployed, made, wanted)
	purge, _ := functionOf(deployed, made, wanted, api.Purge)
	var got []source
	for _, s := range deployed.Sources {
		if strings.HasPrefix(s.FunctionARN, purge.ARN) {
			s.FunctionARN = ""
			got = append(got, s)
		}
	}
	if !reflect.DeepEqual(got, []source{want}) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// queueARN returns the ARN of the only queue of the stack. Its physical ID is a
// URL.
func queueARN(t *testing.T, deployed account, made stack, wanted template) string {
	t.Helper()
	url := made.Resources[one(t, wanted, "AWS::SQS::Queue")]
	name := url[strings.LastIndex(url, "/")+1:]
	if !slices.Contains(deployed.Queues, name) {
		t.Errorf("got the queues %v, want %s", deployed.Queues, name)
	}
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, owner, name)
}

// checkRoles checks that the role of each function allows the operations of its
// routes, its own log and traces, and nothing else.
func checkRoles(t *testing.T, deployed account, made stack, wanted template) {
	tableARN := fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", region, owner, made.Resources[one(t, wanted, "AWS::DynamoDB::Table")])
	for _, f := range api.Functions() {
		function, _ := functionOf(deployed, made, wanted, f.Name)
		got, ok := deployed.Roles[function.Role[strings.LastIndex(function.Role, "/")+1:]]
		if !ok {
			t.Errorf("%s: no role %q", f.Name, function.Role)
			continue
		}
		logARN := regexp.MustCompile(fmt.Sprintf(`^arn:aws:logs:%s:%s:log-group:(\S+?)(:\*)?$`, region, owner))
		var statements []statement
		for _, policy := range got.Inline {
			for _, s := range policy.Statement {
				if log := logARN.FindStringSubmatch(strings.Join(s.Resource, " ")); log != nil && slices.Contains(deployed.LogGroups, log[1]) && isOf(made, log[1], f.Name) {
					s.Resource = oneOrMore{"its own log"}
				}
				statements = append(statements, s)
			}
		}
		want := []statement{
			allow("its own log", "logs:CreateLogStream", "logs:PutLogEvents"),
			allow("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"), // they can only be allowed on *
		}
		if actions := rights.Of(f); len(actions) > 0 {
			want = append(want, allow(tableARN, actions...))
		}
		if f.Name == api.Purge {
			want[1] = allow("*", "dynamodb:ListStreams", "xray:PutTelemetryRecords", "xray:PutTraceSegments")
			want = append(
				want,
				allow(deployed.Tables[made.Resources[one(t, wanted, "AWS::DynamoDB::Table")]].LatestStreamARN, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
				allow(queueARN(t, deployed, made, wanted), "sqs:SendMessage"),
			)
		}
		if len(got.Managed) > 0 || !sameStatements(statements, want) {
			t.Errorf("%s: got managed policies %v and the statements\n%+v\nwant none and\n%+v", f.Name, got.Managed, statements, want)
		}
		trust := document{[]statement{{Effect: "Allow", Action: oneOrMore{"sts:AssumeRole"}, Principal: map[string]oneOrMore{"Service": {"lambda.amazonaws.com"}}}}}
		if !reflect.DeepEqual(got.Trust, trust) {
			t.Errorf("%s: got trust %+v, want %+v", f.Name, got.Trust, trust)
		}
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
			case resource.DeletionPolicy != "Retain":
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
	slices.Sort(want.LogGroups)
	slices.Sort(left.LogGroups)
	if !reflect.DeepEqual(left, want) {
		t.Errorf("left over: got\n%+v\nwant\n%+v", left, want)
	}
	if kept := slices.Collect(maps.Keys(left.Tables)); len(kept) != 1 || !strings.HasPrefix(kept[0], prod) {
		t.Errorf("got the tables %v left, want that of %s", kept, prod)
	}
}

// one returns the only resource of a type.
func one(t *testing.T, wanted template, kind string) string {
	t.Helper()
	ids := wanted.ofType(kind)
	if len(ids) != 1 {
		t.Fatalf("got %v of %s, want one", ids, kind)
	}
	return ids[0]
}

// functionOf finds the function whose code is build/<name>.
func functionOf(deployed account, made stack, wanted template, name string) (function, bool) {
	for _, id := range wanted.ofType("AWS::Lambda::Function") {
		if wanted.Resources[id].Metadata["aws:asset:path"] == "build/"+name {
			f, ok := deployed.Functions[made.Resources[id]]
			return f, ok
		}
	}
	return function{}, false
}

// isOf reports whether a physical ID belongs to a resource in the scope of a
// function. Logical IDs there start with the name of the function.
func isOf(made stack, physical, function string) bool {
	for id, p := range made.Resources {
		if p == physical {
			return strings.HasPrefix(id, function)
		}
	}
	return false
}

func allow(resource string, actions ...string) statement {
	return statement{Effect: "Allow", Action: slices.Sorted(slices.Values(actions)), Resource: oneOrMore{resource}}
}

func sameStatements(got, want []statement) bool {
	byText := func(a, b statement) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	return slices.EqualFunc(slices.SortedFunc(slices.Values(got), byText), slices.SortedFunc(slices.Values(want), byText),
		func(a, b statement) bool { return reflect.DeepEqual(a, b) })
}
