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
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

const (
	toolkit = "CDKToolkit" // the stack of cdk bootstrap
	prod    = "Latchkey-prod"
	// qualifier has to contain localhost for moto to find the bucket of the
	// assets.
	qualifier = "localhost"
)

// TestDeployment goes through the life of all stages in one account.
func TestDeployment(t *testing.T) {
	r := newRehearsal(t)
	r.mustCDK(t, "synth", "--quiet", "--output", r.assembly, "-c", "@aws-cdk/core:bootstrapQualifier="+qualifier)
	r.mustCDK(t, "bootstrap", "aws://"+owner+"/"+region, "--qualifier", qualifier, "--app", r.assembly)
	bootstrapped := r.look(t)
	r.mustCDK(t, "deploy", "--all", "--require-approval", "never", "--app", r.assembly)

	deployed := r.look(t)
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
			t.Run("resources", func(t *testing.T) { hasItsResources(t, made, wanted) })
			t.Run("table", func(t *testing.T) { hasItsTable(t, deployed, made, wanted) })
			t.Run("functions", func(t *testing.T) { hasItsFunctions(t, deployed, r.root, made, wanted) })
			t.Run("source", func(t *testing.T) { purgeReadsItsStream(t, deployed, made, wanted) })
			t.Run("roles", func(t *testing.T) { hasItsRoles(t, deployed, made, wanted) })
		})
	}
	t.Run("diff", func(t *testing.T) { showsWhatDiffers(t, r) })
	t.Run("destroy", func(t *testing.T) { leavesWhatIsRetained(t, r, bootstrapped, deployed, templates) })
	if wrong := regexp.MustCompile(`(?s)Traceback.*|[^\n]*" 500 -`).FindString(r.log.String()); wrong != "" {
		t.Errorf("moto failed, so what it holds proves nothing:\n%s", wrong)
	}
}

// beyondMoto are the types of which moto's CloudFormation makes nothing.
func beyondMoto() []string {
	return []string{
		"AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage",
		"AWS::CloudWatch::Alarm", "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
	}
}

func hasItsResources(t *testing.T, made stack, wanted template) {
	for id, resource := range wanted.Resources {
		_, got := made.Resources[id]
		if want := !slices.Contains(beyondMoto(), resource.Type); got != want {
			t.Errorf("%s, %s: got %t, want %t", id, resource.Type, got, want)
		}
	}
}

func hasItsTable(t *testing.T, deployed account, made stack, wanted template) {
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
	want.StreamSpecification.StreamEnabled, want.StreamSpecification.StreamViewType = true, "KEYS_ONLY"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func hasItsFunctions(t *testing.T, deployed account, root string, made stack, wanted template) {
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
		built, err := os.ReadFile(filepath.Join(root, "build", f.Name, "bootstrap")) //nolint:gosec // our own
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

// purgeReadsItsStream: the function by its name, for moto takes an alias's for
// the function.
func purgeReadsItsStream(t *testing.T, deployed account, made stack, wanted template) {
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

// queueARN is that of the stack's only queue, whose physical id is a URL.
func queueARN(t *testing.T, deployed account, made stack, wanted template) string {
	t.Helper()
	url := made.Resources[one(t, wanted, "AWS::SQS::Queue")]
	name := url[strings.LastIndex(url, "/")+1:]
	if !slices.Contains(deployed.Queues, name) {
		t.Errorf("got the queues %v, want %s", deployed.Queues, name)
	}
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, owner, name)
}

// hasItsRoles holds each function's role to what its routes need, and to its
// own log and traces; nothing more.
func hasItsRoles(t *testing.T, deployed account, made stack, wanted template) {
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
			allow("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"), // it knows no resources
		}
		if len(f.Actions) > 0 {
			want = append(want, allow(tableARN, f.Actions...))
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

// showsWhatDiffers also shows that the empty diff is not that of a blind eye.
func showsWhatDiffers(t *testing.T, r *rehearsal) {
	diff := []string{"diff", "--all", "--fail", "--method", "template", "--app", r.assembly}
	if output, same := r.cdk(t, diff...); !same || !strings.Contains(output, "stacks with differences: 0") {
		t.Errorf("after the deployment, got\n%s\nwant no differences", output)
	}
	file := filepath.Join(r.assembly, prod+".template.json")
	text, err := os.ReadFile(file) //nolint:gosec // cdk has written it
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"dynamodb:DeleteItem"`, `"dynamodb:Scan"`, 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil { //nolint:gosec // cdk has written it
		t.Fatal(err)
	}
	if output, same := r.cdk(t, diff...); same || !strings.Contains(output, "dynamodb:Scan") {
		t.Errorf("after a change, got\n%s\nwant a difference", output)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil { //nolint:gosec // cdk has written it
		t.Fatal(err)
	}
}

// leavesWhatIsRetained: nothing but that and what was there before.
func leavesWhatIsRetained(t *testing.T, r *rehearsal, before, deployed account, templates map[string]template) {
	r.mustCDK(t, "destroy", "--all", "--force", "--app", r.assembly)
	left := r.look(t)
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
			case resource.Type != "AWS::Lambda::Version": // ends with its function all the same
				t.Errorf("%s: %s, %s, is retained, which nobody asked for", name, id, resource.Type)
			}
		}
	}
	slices.Sort(want.LogGroups)
	slices.Sort(left.LogGroups)
	if !reflect.DeepEqual(left, want) {
		t.Errorf("got left\n%+v\nwant\n%+v", left, want)
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

// isOf reports whether a physical id is that of a resource in the function's
// scope, whose name begins the logical ids there.
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
