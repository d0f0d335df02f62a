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

// readCommands returns the commands in the blocks of kind sh, in their order.
func readCommands(t *testing.T) (commands []document.Command) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "docs", "deploy.md"))
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

// TestDocument checks that the document has no command with an unknown
// placeholder, and that the table has no entry that the document no longer needs.
func TestDocument(t *testing.T) {
	commands := readCommands(t)
	used := map[string]bool{}
	for _, c := range commands {
		step, known := stepOf(c)
		if known {
			used[step.command] = true
		}
		for _, p := range placeholdersIn(c.Text) {
			used[p] = true
			if !slices.Contains(placeholders(), p) && step.notRun == "" {
				t.Errorf("docs/deploy.md:%d: %s has the placeholder %s, which no value is known for: add it to placeholders, or the command to steps", c.Line, c.Text, p)
			}
		}
	}
	for _, p := range placeholders() {
		if !used[p] {
			t.Errorf("no command of docs/deploy.md has the placeholder %s: remove it from placeholders", p)
		}
	}
	for _, s := range steps() {
		if !used[s.command] {
			t.Errorf("docs/deploy.md has no command that begins with %q: remove it from steps, or mend the document", s.command)
		}
	}
	if len(commands) < 30 {
		t.Errorf("got %d commands, want more than 30: the document is not read as it is written", len(commands))
	}
}
