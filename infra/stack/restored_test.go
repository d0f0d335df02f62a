package stack_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestRestoredTable checks that the functions of a stage can use an existing
// table, such as one restored from a backup, and that the stage's own table stays
// as it is. With -short it tests dev, which has no alarms, instead of prod.
func TestRestoredTable(t *testing.T) {
	const table, stream = "restored", "arn:aws:dynamodb:eu-central-1:111122223333:table/restored/stream/2026-01-01T00:00:00.000"
	with := restored(t, table, stream)
	ownTableStays(t, with)
	for _, f := range api.Functions() {
		_, function := with.function(t, f.Name)
		if got := at(function, "Environment", "Variables", "TABLE_NAME"); got != table {
			t.Errorf("%s: TABLE_NAME is %v, want %s", f.Name, got, table)
		}
	}
	for _, id := range with.of("AWS::IAM::Policy") {
		policy, err := json.Marshal(with.Resources[id].Properties)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(policy), "dynamodb:") && !strings.Contains(string(policy), ":table/"+table) {
			t.Errorf("policy %s allows another table: %s", id, policy)
		}
	}
	sources := slices.DeleteFunc(with.of("AWS::Lambda::EventSourceMapping"), func(id string) bool { return strings.HasPrefix(id, "deliver") }) // reads a queue
	if len(sources) != 2 {
		t.Errorf("got %d event sources, want 2", len(sources))
	}
	for _, id := range sources {
		if got := with.Resources[id].Properties["EventSourceArn"]; got != stream {
			t.Errorf("%s reads %v, want %s", id, got, stream)
		}
	}
	_, purge := with.function(t, "purge")
	var got []statement
	for _, document := range with.policies(roleOf(purge)) {
		for _, s := range statements(document) {
			if cmp.Equal(s.Resources, list{stream}) {
				got = append(got, s)
			}
		}
	}
	if len(got) != 1 || len(got[0].Actions) != 3 {
		t.Errorf("got %v on the stream, want three actions", got)
	}
}

// ownTableStays checks that the stack makes its own table as it does without
// another, and tells both names.
func ownTableStays(t *testing.T, with *template) {
	t.Helper()
	var golden template
	if err := json.Unmarshal(read(t, "testdata/"+with.stage+".template.json"), &golden); err != nil {
		t.Fatal(err)
	}
	id, _ := golden.only(t, "AWS::DynamoDB::Table")
	if diff := cmp.Diff(golden.Resources[id], with.Resources[id]); diff != "" {
		t.Errorf("own table (-without another, +with it):\n%s", diff)
	}
	if used, own := with.Outputs["TableName"]["Value"], with.Outputs["OwnTableName"]["Value"]; used != "restored" || cmp.Diff(any(ref(id)), own) != "" {
		t.Errorf("got outputs TableName %v and OwnTableName %v, want restored and the stack's own", used, own)
	}
}

func restored(t *testing.T, table, stream string) *template {
	t.Helper()
	app, stage := newApp(t), stack.Stages()[2]
	if testing.Short() {
		stage = stack.Stages()[0]
	}
	s, err := stack.New(app, stage, stack.Options{Build: placeholders(t), Settings: stages.Settings{Table: table, TableStream: stream}})
	if err != nil {
		t.Fatal(err)
	}
	made := &template{stage: stage.Name}
	made.text = read(t, *app.Synth(nil).GetStackByName(s.StackName()).TemplateFullPath())
	if err := json.Unmarshal(made.text, made); err != nil {
		t.Fatal(err)
	}
	return made
}
