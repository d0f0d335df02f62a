package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// testsIn returns the names of the top-level tests in Go files.
func testsIn(t *testing.T, pattern string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dynamotest.Root(t), pattern))
	if err != nil || len(files) == 0 {
		t.Errorf("no file is %s (%v)", pattern, err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file of the project
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			names[string(found[1])] = true
		}
	}
	return names
}

// Each attack of the list has a test that exists, and each of OWASP's ten has one here.
func TestAttacksHaveTests(t *testing.T) {
	owasp := map[string]bool{}
	for _, a := range attacks() {
		if !testsIn(t, a.pkg+"/*_test.go")[topLevel(a.test)] {
			t.Errorf("%s: %s has no test %s", a.name, a.pkg, a.test)
		}
		category, _, _ := strings.Cut(a.group, ":")
		owasp[category] = true
	}
	for i := range 10 {
		if category := fmt.Sprintf("API%d", i+1); !owasp[category] {
			t.Errorf("no attack is of %s", category)
		}
	}
}

// Each promise in SECURITY.md has a link to tests, and each link leads to a file that
// has the test it names.
func TestPromisesHaveTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile("\\[`(Test\\w+)`\\]\\(([^)#]+_test\\.go)\\)")
	for _, found := range link.FindAllStringSubmatch(string(text), -1) {
		if !testsIn(t, found[2])[found[1]] {
			t.Errorf("SECURITY.md: %s has no test %s", found[2], found[1])
		}
	}
	for _, heading := range []string{"## What is promised", "## What protects the deployment"} {
		_, section, ok := strings.Cut(string(text), heading+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		promises := strings.Split(section, "\n- ")[1:]
		if !ok || len(promises) < 5 {
			t.Errorf("%s has %d promises", heading, len(promises))
		}
		for _, promise := range promises {
			if promise, _, _ = strings.Cut(promise, "\n\n"); !link.MatchString(promise) {
				t.Errorf("%s: a promise without a link to its test: %s", heading, promise)
			}
		}
	}
}
