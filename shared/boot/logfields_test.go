package boot_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// checkDocumented fails the test unless the table of fields in docs/deploy.md has
// every field of the lines.
func checkDocumented(t *testing.T, lines []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "docs", "deploy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| field of a log line |")
	if !found {
		t.Fatal("docs/deploy.md has no table of fields")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var names strings.Builder // the first column
	for row := range strings.Lines(table) {
		name, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		names.WriteString(name)
	}
	for line := range bytes.Lines(lines) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if !strings.Contains(names.String(), "`"+name+"`") {
				t.Errorf("the table of docs/deploy.md lacks the field %s", name)
			}
		}
	}
}
