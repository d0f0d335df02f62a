package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row can be tried: the text to replace stands exactly once in its file,
// and the package has the test that must notice.
func TestRows(t *testing.T) {
	for _, m := range mutants() {
		source, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.breaks, err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s has the text to replace %d times, want once", m.breaks, m.file, n)
		}
		name, _, _ := strings.Cut(m.run, "/")
		if !hasTest(t, filepath.Join("../..", m.pkg), strings.Trim(name, "^$")) {
			t.Errorf("%s: %s has no test %s", m.breaks, m.pkg, name)
		}
	}
}

// hasTest reports whether a test file of the package declares a test or fuzz
// target whose name contains name, as -run matches it.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func (Test|Fuzz)\w*\(`)
	for _, file := range files {
		source, err := os.ReadFile(file) //nolint:gosec // the rows name the packages
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range declared.FindAllString(string(source), -1) {
			if strings.Contains(declaration, name) {
				return true
			}
		}
	}
	return false
}
