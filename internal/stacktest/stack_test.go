//go:build stack

package stacktest_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/document"
)

// TestStack runs the commands of docs/deploy.md in their order, as an operator
// with an empty account, and checks what they did.
func TestStack(t *testing.T) { newOperator(t).follow(t, "docs/deploy.md") }

// TestCI does the same for docs/ci.md.
func TestCI(t *testing.T) { newOperator(t).follow(t, "docs/ci.md") }

// follow runs the commands of a document.
func (o *operator) follow(t *testing.T, name string) {
	t.Helper()
	o.document = name
	for _, c := range readCommands(t, name) {
		step, _ := stepOf(c)
		if step.notRun != "" {
			t.Logf("%s:%d: not run, because %s: %s", name, c.Line, step.notRun, c.Text)
			continue
		}
		o.do(t, step.before)
		started := time.Now()
		o.run(t, c, step.input)
		t.Logf("%5.1f s  %s:%d: %s", time.Since(started).Seconds(), name, c.Line, c.Text)
		o.do(t, step.after)
		if t.Failed() {
			t.Fatalf("after %s:%d: %s\nthe last output of MiniStack:\n%s", name, c.Line, c.Text, o.log.Tail())
		}
	}
}

// run runs a command in the shell of the operator: in the project's folder, with
// the variables that earlier commands have set.
func (o *operator) run(t *testing.T, c document.Command, input string) {
	t.Helper()
	text := o.fill(t, c)
	output, err := o.shell.Run(t.Context(), text, o.fill(t, document.Command{Line: c.Line, Text: input}))
	if err != nil {
		t.Fatalf("%s:%d: %s\n%v\n%s\nthe last output of MiniStack:\n%s", o.document, c.Line, c.Text, err, output, o.log.Tail())
	}
	o.readValues(c.Text, output)
}

// fill replaces the placeholders in a text.
func (o *operator) fill(t *testing.T, c document.Command) string {
	t.Helper()
	for _, p := range placeholdersIn(c.Text) {
		value, ok := o.values[p]
		if !ok {
			t.Fatalf("%s:%d: no value for %s was printed before %s", o.document, c.Line, p, c.Text)
		}
		c.Text = strings.ReplaceAll(c.Text, p, value)
	}
	return c.Text
}

// readValues reads the values of placeholders that a command has printed: the
// outputs of a stack, as cdk or the AWS CLI print them, and the access token of a
// user. The users NAME are examples that the document does not use afterwards.
func (o *operator) readValues(text, output string) {
	for _, found := range regexp.MustCompile(`(?m)^(?:Latchkey-\w+\.)?(\w+)(?: = |\t)(\S+)$`).FindAllStringSubmatch(output, -1) {
		o.values["<"+found[1]+">"] = found[2]
	}
	if stream := regexp.MustCompile(`arn:aws:dynamodb:\S+/stream/[0-9T:.-]+`).FindString(output); stream != "" {
		o.values["the stream"] = stream
	}
	if found := regexp.MustCompile(`(?m)^Access token: (\S+)$`).FindStringSubmatch(output); found != nil && !strings.Contains(text, "NAME") {
		o.values["<access token>"] = found[1]
	}
}

// do does an action of the table.
func (o *operator) do(t *testing.T, what action) {
	t.Helper()
	actions := map[action]func(*testing.T){
		none:             func(*testing.T) {},
		checkAPI:         o.checkAPI,
		checkCI:          o.checkCI,
		createOtherAPI:   o.createOtherAPI,
		checkAuthorizer:  o.checkAuthorizer,
		configure:        o.configure,
		changeFunction:   o.changeFunction,
		checkRollBack:    o.checkRollBack,
		createTokens:     o.createTokens,
		deleteToken:      o.deleteToken,
		useRestored:      o.useRestored,
		checkRestored:    o.checkRestored,
		createUser:       func(t *testing.T) { o.run(t, document.Command{Text: "build/tokenctl user create NAME"}, "") },
		checkKept:        o.checkKept,
		checkNothingLeft: o.checkNothingLeft,
	}
	if _, ok := actions[what]; !ok {
		t.Fatalf("nothing does the action %q", what)
	}
	started := time.Now()
	actions[what](t)
	if what != none {
		t.Logf("%5.1f s  %s", time.Since(started).Seconds(), what)
	}
}
