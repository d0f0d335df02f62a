package stack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/infra/stack"
)

// A backup is restored under another name; the stage can be led to it.
func TestARestoredTableTakesThePlaceOfTheStagesOwn(t *testing.T) {
	app := newApp(t)
	s, err := stack.New(app, stack.Stages()[2], stack.Options{Build: placeholders(t), Table: "restored"})
	if err != nil {
		t.Fatal(err)
	}
	var made template
	if err := json.Unmarshal(read(t, *app.Synth(nil).GetStackByName(s.StackName()).TemplateFullPath()), &made); err != nil {
		t.Fatal(err)
	}
	if tables := made.of("AWS::DynamoDB::Table"); len(tables) != 0 {
		t.Errorf("got tables %v in the stack, want none", tables)
	}
	_, function := made.function(t, "delete")
	if got := at(function, "Environment", "Variables", "TABLE_NAME"); got != "restored" {
		t.Errorf("TABLE_NAME is %v, want restored", got)
	}
	for _, id := range made.of("AWS::IAM::Policy") {
		policy, err := json.Marshal(made.Resources[id].Properties)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(policy), "dynamodb:") && !strings.Contains(string(policy), ":table/restored") {
			t.Errorf("policy %s is for another table: %s", id, policy)
		}
	}
}
