package readertest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// TestIndex checks that docs/README.md lists each document of docs with the promise and
// the command that the document begins with, that each document names its limits, and
// that the commands exist.
func TestIndex(t *testing.T) {
	t.Parallel()
	rows := indexRows(t)
	for _, path := range documents(t) {
		name, ok := strings.CutPrefix(path, "docs/")
		if !ok || strings.Contains(name, "/") || name == "README.md" {
			continue
		}
		head := regexp.MustCompile("^# .+\n\n- \\*\\*Promise:\\*\\* (.+)\n- \\*\\*Proof:\\*\\* `(.+)`\n- \\*\\*Limits:\\*\\* .+\n\n").FindStringSubmatch(textOf(t, path))
		if head == nil {
			t.Errorf("%s does not begin with its promise, its proof and its limits", path)
			continue
		}
		if want := (indexRow{name, head[1], head[2]}); !slices.Contains(rows, want) {
			t.Errorf("docs/README.md lacks the row %+v", want)
		}
	}
	for _, row := range rows {
		if (row.promise == "") != (row.command == "") {
			t.Errorf("%s has a promise without a command, or a command without a promise", row.path)
		}
		if row.command != "" && !exists(t, row.command) {
			t.Errorf("the index names %q, which does not exist", row.command)
		}
	}
}

// An indexRow is a row of docs/README.md.
type indexRow struct{ path, promise, command string }

func indexRows(t *testing.T) (rows []indexRow) {
	t.Helper()
	const bar = "\x00" // in place of one that is part of a cell
	text := strings.ReplaceAll(textOf(t, "docs/README.md"), `\|`, bar)
	for _, row := range regexp.MustCompile(`(?m)^\| \[[^]]+\]\(([^)]+)\) \|[^|]+\| ?([^|]*) ?\| ?([^|]*) ?\|$`).FindAllStringSubmatch(text, -1) {
		command := strings.Trim(strings.ReplaceAll(row[3], bar, "|"), " `")
		rows = append(rows, indexRow{row[1], strings.TrimSpace(row[2]), command})
	}
	return rows
}

// exists reports whether a target of the Makefile exists, or a test in each package that
// a command of go test names.
func exists(t *testing.T, command string) bool {
	t.Helper()
	if target, ok := strings.CutPrefix(command, "make "); ok {
		return regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).MatchString(textOf(t, "Makefile"))
	}
	packages, ok := strings.CutPrefix(strings.Replace(command, " -short", "", 1), "go test ")
	if !ok {
		return false
	}
	packages, pattern, _ := strings.Cut(packages, " -run ")
	pattern, _, _ = strings.Cut(strings.Trim(pattern, "'"), "/") // without sub-tests
	for folder := range strings.FieldsSeq(packages) {
		if !slices.ContainsFunc(testsOf(t, folder), regexp.MustCompile(pattern).MatchString) {
			return false
		}
	}
	return true
}

// testsOf returns the names of the tests in a folder.
func testsOf(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dynamotest.Root(t), folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a file of this project
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`).FindAllStringSubmatch(string(content), -1) {
			names = append(names, found[1])
		}
	}
	return names
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), path)) //nolint:gosec // a file of this project
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
