package stack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/cxapi"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Fprintln(os.Stderr, "node is missing, and CDK needs it: install Node.js 20.19 or newer")
		os.Exit(1)
	}
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// A template is the synthesized template of a stage.
type template struct {
	Resources map[string]resource
	Outputs   map[string]map[string]any

	stage    string
	text     []byte
	findings []string // of cdk-nag
}

type resource struct {
	Type           string
	Properties     object
	Metadata       object
	UpdatePolicy   object
	Tags           any // taken out of Properties
	DeletionPolicy string
	DependsOn      []string
}

type (
	object = map[string]any
	list   = []any
)

// synthesize makes the template of a stage with the feature flags of cdk.json,
// and checks it with cdk-nag. The code of each function is its name.
func synthesize(t *testing.T, stage stack.Stage, emails ...string) *template {
	t.Helper()
	return synthesizeWith(t, stage, stack.Options{Settings: stages.Settings{AlarmEmails: emails}})
}

func synthesizeWith(t *testing.T, stage stack.Stage, options stack.Options) *template {
	t.Helper()
	app := newApp(t)
	options.Build = placeholders(t)
	s, err := stack.New(app, stage, options)
	if err != nil {
		t.Fatal(err)
	}
	made := &template{stage: stage.Name}
	artifact := check(app, s)
	for _, m := range *artifact.Messages() {
		made.findings = append(made.findings, fmt.Sprintf("%s: %v", *m.Id, m.Entry.Data)) //nolint:staticcheck // CDK deprecates the type and still returns it
	}
	made.text = read(t, *artifact.TemplateFullPath())
	if err := json.Unmarshal(made.text, made); err != nil {
		t.Fatal(err)
	}
	made.takeTags()
	return made
}

// takeTags moves the tags out of the properties of each resource.
func (p *template) takeTags() {
	for id, r := range p.Resources {
		r.Tags = r.Properties["Tags"]
		delete(r.Properties, "Tags")
		p.Resources[id] = r
	}
}

func newApp(t *testing.T) awscdk.App {
	t.Helper()
	var config struct{ Context map[string]any }
	if err := json.Unmarshal(read(t, "../cdk.json"), &config); err != nil {
		t.Fatal(err)
	}
	return awscdk.NewApp(&awscdk.AppProps{
		Outdir: jsii.String(t.TempDir()), Context: &config.Context, AnalyticsReporting: jsii.Bool(false),
	})
}

// check synthesizes a stack with the checks of cdk-nag.
func check(app awscdk.App, s awscdk.Stack) cxapi.CloudFormationStackArtifact {
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	return app.Synth(nil).GetStackByName(s.StackName())
}

// placeholders returns a folder in which every function seems to be built.
func placeholders(t *testing.T) string {
	t.Helper()
	build := t.TempDir()
	for _, f := range append(api.Functions(), api.Function{Name: api.ModelGateway}) {
		folder := filepath.Join(build, f.Name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), []byte(f.Name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return build
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// of returns the logical IDs of the resources of a type, sorted.
func (p *template) of(kind string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.Resources)), func(id string) bool { return p.Resources[id].Type != kind })
}

// only returns the resource of a type that must be the only one.
func (p *template) only(t *testing.T, kind string) (string, object) {
	t.Helper()
	ids := p.of(kind)
	if len(ids) != 1 {
		t.Fatalf("got %v as %s, want one", ids, kind)
	}
	return ids[0], p.Resources[ids[0]].Properties
}

// function returns the Lambda function whose code is build/<name>.
func (p *template) function(t *testing.T, name string) (string, object) {
	t.Helper()
	for _, id := range p.of("AWS::Lambda::Function") {
		if p.Resources[id].Metadata["aws:asset:path"] == "build/"+name {
			return id, p.Resources[id].Properties
		}
	}
	t.Fatalf("got no function with build/%s as its asset, want one", name)
	return "", nil
}

// at returns the value at a path of keys, or nil if there is none.
func at(value any, keys ...string) any {
	for _, key := range keys {
		o, _ := value.(object)
		value = o[key]
	}
	return value
}

func ref(id string) object             { return object{"Ref": id} }
func attribute(id, name string) object { return object{"Fn::GetAtt": list{id, name}} }
func anyOf[T any](values []T) (all list) {
	for _, value := range values {
		all = append(all, value)
	}
	return all
}
