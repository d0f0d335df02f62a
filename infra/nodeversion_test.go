package main_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The documents and messages name the oldest Node.js that package.json accepts, which
// npm enforces.
func TestNodeVersion(t *testing.T) {
	read := func(file string) string {
		content, err := os.ReadFile(file) //nolint:gosec // the project's own files
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	var npm struct{ Engines struct{ Node string } }
	if err := json.Unmarshal([]byte(read("../package.json")), &npm); err != nil {
		t.Fatal(err)
	}
	oldest, ok := strings.CutPrefix(npm.Engines.Node, ">=")
	if !ok {
		t.Fatalf("package.json accepts Node.js %s, want a lower limit", npm.Engines.Node)
	}
	for _, file := range []string{"../README.md", "../CONTRIBUTING.md", "main.go", "ci/nag_test.go", "stack/kit_test.go"} {
		found := regexp.MustCompile(`Node\.js ([0-9.]*[0-9]) or newer`).FindAllStringSubmatch(read(file), -1)
		if len(found) == 0 {
			t.Errorf("%s names no version of Node.js", file)
		}
		for _, version := range found {
			if version[1] != oldest {
				t.Errorf("%s names Node.js %s, package.json %s", file, version[1], oldest)
			}
		}
	}
}
