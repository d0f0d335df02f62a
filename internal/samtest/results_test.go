package samtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A result is the result of one test in another process.
type result struct {
	failed bool // itself, not only one of its sub-tests
	output string
}

// complaint matches the output of t.Error.
var complaint = regexp.MustCompile(`^\s+\w+\.go:\d+: `)

// readResults parses the output of go test -json.
func readResults(output []byte) (map[string]result, error) {
	printed, complained, failed := map[string]string{}, map[string]bool{}, map[string]bool{}
	for line := range bytes.Lines(output) {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("parse %.80q of go test: %w", line, err)
		}
		switch {
		case e.Test == "":
		case e.Action == "output":
			printed[e.Test] += e.Output
			complained[e.Test] = complained[e.Test] || complaint.MatchString(e.Output)
		case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
			failed[e.Test] = e.Action == "fail"
		}
	}
	if len(failed) == 0 {
		return nil, errors.New("no test ended")
	}
	results := map[string]result{}
	for name := range failed {
		bySubTest := false
		for other := range failed {
			bySubTest = bySubTest || failed[other] && strings.HasPrefix(other, name+"/")
		}
		results[name] = result{failed[name] && (complained[name] || !bySubTest), printed[name]}
	}
	return results, nil
}

// unexpected describes each test that failed and is not in want, and each test in
// want that did not fail. The values of want are the reasons for the failures.
func unexpected(results map[string]result, want map[string]string) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if r := results[name]; r.failed && want[name] == "" {
			wrong = append(wrong, "failed: "+r.output)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if r, ran := results[name]; !ran || !r.failed {
			wrong = append(wrong, fmt.Sprintf("%s did not fail, but is in the list because %s: remove it", name, want[name]))
		}
	}
	return wrong
}

// TestUnexpected checks that a failed sub-test does not count as a failure of its
// parent, and that a panic counts.
func TestUnexpected(t *testing.T) {
	const output = `{"Action":"start"}
{"Action":"output","Test":"A","Output":"=== RUN A\n"}
{"Action":"output","Test":"A/listed","Output":"    a_test.go:1: got 2\n"}
{"Action":"fail","Test":"A/listed"}
{"Action":"pass","Test":"A/passes"}
{"Action":"fail","Test":"A"}
{"Action":"output","Test":"B","Output":"    b_test.go:1: B itself\n"}
{"Action":"fail","Test":"B/listed"}
{"Action":"fail","Test":"B"}
{"Action":"output","Test":"C","Output":"panic: C\n"}
{"Action":"fail","Test":"C"}
{"Action":"fail"}
`
	results, err := readResults([]byte(output))
	if err != nil {
		t.Fatal(err)
	}
	got := unexpected(results, map[string]string{"A/listed": "of a", "A/passes": "of b", "A/gone": "of c", "B/listed": "of d"})
	want := []string{
		"failed:     b_test.go:1: B itself\n",
		"failed: panic: C\n",
		"A/gone did not fail, but is in the list because of c: remove it",
		"A/passes did not fail, but is in the list because of b: remove it",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unexpected results (-want +got):\n%s", diff)
	}
	if _, err := readResults([]byte(`{"Action":"build-fail"}`)); err == nil {
		t.Error("got no error where no test ran, want one")
	}
}
