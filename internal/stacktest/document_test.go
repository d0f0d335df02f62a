package stacktest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/internal/document"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// readCommands returns the commands in the blocks of kind sh of a document, in their
// order.
func readCommands(t *testing.T, name string) (commands []document.Command) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), name)) //nolint:gosec // of the project
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := document.Blocks(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Language == "sh" {
			commands = append(commands, b.Commands()...)
		}
	}
	return commands
}

// placeholdersIn returns the placeholders in a command: texts in angle brackets,
// the name of a user, and an ellipsis.
func placeholdersIn(text string) []string {
	return regexp.MustCompile(`<[^<>]+>|\bNAME\b|…`).FindAllString(text, -1)
}

// TestDocument checks that the documents have no command with an unknown
// placeholder, and that the table has no entry that they no longer need.
func TestDocument(t *testing.T) {
	used := map[string]bool{}
	for name, least := range map[string]int{"docs/deploy.md": 30, "docs/ci.md": 3} {
		checkCommands(t, name, least, used)
	}
	for _, p := range placeholders() {
		if !used[p] {
			t.Errorf("no document has the placeholder %s: remove it from placeholders", p)
		}
	}
	for _, s := range steps() {
		if !used[s.command] {
			t.Errorf("no document has a command that begins with %q: remove it from steps, or mend the document", s.command)
		}
	}
}

// checkCommands checks the commands of a document and adds the entries and
// placeholders of the table that they use.
func checkCommands(t *testing.T, name string, least int, used map[string]bool) {
	t.Helper()
	commands := readCommands(t, name)
	for _, c := range commands {
		step, known := stepOf(c)
		if known {
			used[step.command] = true
		}
		for _, p := range placeholdersIn(c.Text) {
			used[p] = true
			if !slices.Contains(placeholders(), p) && step.notRun == "" {
				t.Errorf("%s:%d: %s has the placeholder %s, which no value is known for: add it to placeholders, or the command to steps", name, c.Line, c.Text, p)
			}
		}
	}
	if len(commands) < least {
		t.Errorf("got %d commands of %s, want at least %d: it is not read as it is written", len(commands), name, least)
	}
}
