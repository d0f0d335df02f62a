package readertest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// A place is where a block of a document is run, or compared with what the product
// does.
type place struct {
	document, language string
	begins             string // how the first line of the block begins; empty: all blocks of the language
	folder, test       string // the test; none: notRun says why
	notRun             string
}

// places lists the blocks that the tests of this package don't run. The first
// entry that fits a block counts.
func places() []place {
	return []place{
		{document: "README.md", language: "sh", begins: "make cdk-bootstrap", folder: "internal/readertest", test: "TestDeployOfReadme"},
		{document: "CONTRIBUTING.md", language: "sh", folder: "internal/readertest", test: "TestContributing"},
		{document: "docs/ci.md", language: "sh", folder: "internal/stacktest", test: "TestCI"},
		{document: "docs/ci.md", language: "yaml", folder: "infra/ci", test: "TestWorkflowOfDocument"},
		{document: "docs/data-plane.md", language: "go", begins: "g := gate.New", folder: "shared/gate", test: "ExampleGate_Verify"},
		{document: "docs/data-plane.md", language: "go", begins: "hold, reservation", folder: "shared/gate", test: "ExampleGate_Hold"},
		{document: "docs/deploy.md", language: "sh", folder: "internal/stacktest", test: "TestStack"},
		{document: "docs/deploy.md", language: "go", notRun: "a part of the CDK app of another project"},
		{document: "docs/events.md", language: "json", folder: "shared/dynamo", test: "TestEventsDocument"},
		{document: "docs/leaked-keys.md", language: "python", folder: "internal/scannertest", test: "TestPythonOfDocument"},
		{document: "docs/leaked-keys.md", language: "toml", notRun: "two lines of gitleaks' own configuration"},
		{document: "docs/leaked-keys.md", language: "console", begins: "$ gitleaks", folder: "internal/scannertest", test: "TestGitleaks"},
		{document: "docs/migrate.md", language: "console", folder: "cmd/tokenctl", test: "TestScript"},
		{document: "docs/release.md", language: "sh", folder: "internal/deploytest", test: "TestRelease"},
		{document: "docs/webhooks.md", language: "js", folder: "internal/clientstest", test: "TestWebhookReceivers"},
		{document: "docs/webhooks.md", language: "python", folder: "internal/clientstest", test: "TestWebhookReceivers"},
		{document: "docs/webhooks.md", language: "go", folder: "internal/clientstest", test: "TestWebhookReceivers"},
	}
}

// TestEveryBlock checks that each block of code in a document is run by this
// package or has a place, that no place is left over, that the tests exist, and that
// blocks of JSON can be parsed.
func TestEveryBlock(t *testing.T) {
	t.Parallel()
	found, used := 0, map[place]bool{}
	for _, document := range documents(t) {
		for _, b := range blocksOf(t, document) {
			found++
			if b.Language == "json" && !json.Valid([]byte(b.Text)) {
				t.Errorf("%s:%d: the block is not JSON", b.document, b.Line)
			}
			p, ok := placeOf(b)
			used[p] = true
			if !ok && !isRun(b) && b.Language != "json" {
				t.Errorf("%s:%d: no test runs the block that begins with %q: add it to walks, or its test to places", b.document, b.Line, b.Begins())
			}
		}
	}
	if found < 50 {
		t.Errorf("got %d blocks, want at least 50: the documents are not read as they are written", found)
	}
	for _, p := range places() {
		if !used[p] {
			t.Errorf("%+v fits no block: remove it from places", p)
		}
		if (p.test == "") == (p.notRun == "") {
			t.Errorf("%+v needs a test or a reason", p)
		}
		if p.test != "" && !hasTest(t, p.folder, p.test) {
			t.Errorf("%s has no test %s", p.folder, p.test)
		}
	}
}

func placeOf(b block) (place, bool) {
	for _, p := range places() {
		if p.document == b.document && p.language == b.Language && strings.HasPrefix(b.Begins(), p.begins) {
			return p, true
		}
	}
	return place{}, false
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	return slices.Contains(testsOf(t, folder), name)
}

// TestDeployOfReadme checks that README.md deploys with commands that docs/deploy.md
// has, too, which internal/stacktest runs.
func TestDeployOfReadme(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, b := range blocksOf(t, "docs/deploy.md") {
		for _, c := range b.Commands() {
			all.WriteString(c.Text + "\n")
		}
	}
	for _, c := range blockOf(t, "README.md", "make cdk-bootstrap").Commands() {
		for part := range strings.SplitSeq(c.Text, " && ") {
			if part = strings.ReplaceAll(part, "TABLE_NAME=<TableName> ", ""); !strings.Contains(all.String(), part) {
				t.Errorf("README.md:%d: docs/deploy.md has no command %q", c.Line, part)
			}
		}
	}
}

// TestContributing checks that CONTRIBUTING.md begins with the commands of README.md,
// after the clone.
func TestContributing(t *testing.T) {
	t.Parallel()
	var readme []string
	for _, c := range blockOf(t, "README.md", "make run").Commands() {
		readme = append(readme, c.Text)
	}
	for _, c := range blockOf(t, "CONTRIBUTING.md", "git clone").Commands()[1:] {
		if !slices.Contains(readme, c.Text) {
			t.Errorf("CONTRIBUTING.md:%d: README.md has no command %q", c.Line, c.Text)
		}
	}
}

// TestMigrate checks that the transcripts of tokenctl have each flag of each command
// of docs/migrate.md, with other files and addresses.
func TestMigrate(t *testing.T) {
	t.Parallel()
	transcripts, err := filepath.Glob(filepath.Join(dynamotest.Root(t), "cmd/tokenctl/testdata/script/*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, file := range transcripts {
		content, err := os.ReadFile(file) //nolint:gosec // a file of this project
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				for _, use := range uses(command) {
					tried[use] = true
				}
			}
		}
	}
	checked := 0
	for _, b := range blocksOf(t, "docs/migrate.md") {
		for _, c := range b.Commands() {
			if !strings.HasPrefix(c.Text, "tokenctl ") {
				continue
			}
			for _, use := range uses(c.Text) {
				checked++
				if !tried[use] {
					t.Errorf("docs/migrate.md:%d: no transcript of tokenctl has %s, as %s", c.Line, use, c.Text)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("got %d commands, want at least 10", checked)
	}
}

// uses returns the flags that a command of tokenctl has, each behind the names of the
// command, such as "tokenctl import --keep-keys". Of values only formats count.
func uses(line string) (flags []string) {
	command, _, _ := strings.Cut(line, "|")
	var names []string
	words := strings.Fields(command)
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "--"):
			flag := strings.Join(append(names, word), " ")
			if (word == "--format" || word == "--from") && i+1 < len(words) {
				flag += " " + words[i+1]
			}
			flags = append(flags, flag)
		case len(flags) == 0 && regexp.MustCompile("^[a-z]+$").MatchString(word):
			names = append(slices.Clip(names), word)
		}
	}
	return flags
}
