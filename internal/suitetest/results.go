package suitetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Result is the result of one test in another process.
type Result struct {
	Failed bool // itself, not only one of its sub-tests
	Output string
}

// ReadResults parses the output of go test -json.
func ReadResults(output []byte) (map[string]Result, error) {
	complaint := regexp.MustCompile(`^\s+\w+\.go:\d+: `) // the output of t.Error
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
	results := map[string]Result{}
	for name := range failed {
		bySubTest := false
		for other := range failed {
			bySubTest = bySubTest || failed[other] && strings.HasPrefix(other, name+"/")
		}
		results[name] = Result{failed[name] && (complained[name] || !bySubTest), printed[name]}
	}
	return results, nil
}

// Unexpected describes each test that failed and is not in want, and each test in
// want that did not fail. The values of want are the reasons for the failures.
func Unexpected(results map[string]Result, want map[string]string) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if r := results[name]; r.Failed && want[name] == "" {
			wrong = append(wrong, "failed: "+r.Output)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if r, ran := results[name]; !ran || !r.Failed {
			wrong = append(wrong, fmt.Sprintf("%s did not fail, but is in the list because %s: remove it", name, want[name]))
		}
	}
	return wrong
}
