package stack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
)

// TestRestoredTable checks that a stage can use an existing table, such as one
// restored from a backup, instead of its own. With -short it tests dev, which
// has no alarms, instead of prod.
func TestRestoredTable(t *testing.T) {
	const table, stream = "restored", "arn:aws:dynamodb:eu-central-1:111122223333:table/restored/stream/2026-01-01T00:00:00.000"
	without, with := restored(t, table, ""), restored(t, table, stream)
	for _, made := range []*template{without, with} {
		if tables := made.of("AWS::DynamoDB::Table"); len(tables) != 0 {
			t.Errorf("got tables %v in the stack, want none", tables)
		}
		_, function := made.function(t, "delete")
		if got := at(function, "Environment", "Variables", "TABLE_NAME"); got != table {
			t.Errorf("TABLE_NAME is %v, want %s", got, table)
		}
		for _, id := range made.of("AWS::IAM::Policy") {
			policy, err := json.Marshal(made.Resources[id].Properties)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(policy), "dynamodb:") && !strings.Contains(string(policy), ":table/"+table) {
				t.Errorf("policy %s allows another table: %s", id, policy)
			}
		}
	}
	for _, kind := range []string{"AWS::Lambda::EventSourceMapping", "AWS::SQS::Queue"} {
		if got := without.of(kind); len(got) != 0 {
			t.Errorf("got %v without a stream, want no %s", got, kind)
		}
	}
	if strings.Contains(string(without.text), "Removals by TTL") || strings.Contains(string(without.text), "ListStreams") {
		t.Error("got a widget or permissions for a stream that does not exist, want none")
	}
	_, source := with.only(t, "AWS::Lambda::EventSourceMapping")
	if got := source["EventSourceArn"]; got != stream {
		t.Errorf("purge reads %v, want %s", got, stream)
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

func restored(t *testing.T, table, stream string) *template {
	t.Helper()
	app, stage := newApp(t), stack.Stages()[2]
	if testing.Short() {
		stage = stack.Stages()[0]
	}
	s, err := stack.New(app, stage, stack.Options{Build: placeholders(t), Table: table, TableStream: stream})
	if err != nil {
		t.Fatal(err)
	}
	made := new(template)
	made.text = read(t, *app.Synth(nil).GetStackByName(s.StackName()).TemplateFullPath())
	if err := json.Unmarshal(made.text, made); err != nil {
		t.Fatal(err)
	}
	return made
}

// TestNewWithAStreamWithoutItsTable checks that the error asks for both options.
func TestNewWithAStreamWithoutItsTable(t *testing.T) {
	_, err := stack.New(newApp(t), stack.Stages()[0], stack.Options{Build: placeholders(t), TableStream: "arn"})
	if err == nil || !strings.Contains(err.Error(), "set both") {
		t.Errorf("got error %v, want one that says to set both", err)
	}
}
