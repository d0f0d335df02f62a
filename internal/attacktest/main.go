// Command attacktest runs the attack list: for each attack the tests that show what
// becomes of it. It prints the list with the result of each, and fails if a test fails or
// the output of all contains a key or an access token. `make test-security` runs it in the
// project's root.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "attacktest:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	output, failed := goTest()
	results, err := read(output)
	if err != nil {
		return err
	}
	all := attacks()
	for i, a := range all {
		if i == 0 || all[i-1].group != a.group {
			_, _ = fmt.Fprintf(out, "\n%s\n", a.group)
		}
		_, _ = fmt.Fprintf(out, "  %-68s %-46s %s\n", a.name, a.test, results.of(a))
	}
	const shortest = 8 // of what is looked for after the prefix of a credential
	found := credential.FindAll(string(output), shortest)
	secrets := slices.DeleteFunc(found, func(text string) bool { return !isOurs(text) })
	_, _ = fmt.Fprintf(out, "\n%d attacks; %d keys or access tokens in %d bytes of output\n", len(all), len(secrets), len(output))
	for _, a := range all {
		if results.of(a) != passed {
			failed = errors.Join(failed, fmt.Errorf("%s: %s\n%s", a.test, cmp.Or(results.of(a), "did not run"), credential.Redact(results[a.pkg+" "+topLevel(a.test)].output)))
		}
	}
	if len(secrets) > 0 {
		failed = errors.Join(failed, errors.New("the output contains a key or an access token"))
	}
	return failed
}

// isOurs reports whether a text is a whole key or access token of this service.
func isOurs(text string) bool {
	_, notKey := credential.ParseKey(text)
	_, notAccess := credential.ParseAccessToken(text)
	return notKey == nil || notAccess == nil
}

// goTest runs the tests of all attacks and returns the output of go test -json.
func goTest() ([]byte, error) {
	packages, names := map[string]bool{}, map[string]bool{}
	for _, a := range attacks() {
		packages["./"+a.pkg] = true
		var parts []string
		for part := range strings.SplitSeq(a.test, "/") {
			parts = append(parts, "^"+part+"$")
		}
		names[strings.Join(parts, "/")] = true
	}
	args := append([]string{"test", "-json", "-short", "-count=1", "-run", strings.Join(slices.Sorted(maps.Keys(names)), "|")}, slices.Sorted(maps.Keys(packages))...)
	command := exec.Command("go", args...) //nolint:gosec,noctx // arguments of this program; ends by itself
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, os.Stderr
	err := command.Run()
	return output.Bytes(), err
}

const passed = "passed"

// A result is what go test said about a test.
type result struct{ action, output string }

// results are by package and test.
type results map[string]result

func (r results) of(a attack) string {
	switch action := r[a.pkg+" "+a.test].action; action {
	case "pass":
		return passed
	case "fail":
		return "FAILED"
	default:
		return action
	}
}

func topLevel(test string) string {
	name, _, _ := strings.Cut(test, "/")
	return name
}

// read reads the output of go test -json. A top-level test has the output of its
// sub-tests, too.
func read(output []byte) (results, error) {
	all := results{}
	for line := range bytes.Lines(output) {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("parse %.80q of go test: %w", line, err)
		}
		pkg := strings.TrimPrefix(e.Package, "github.com/latchkey-api/latchkey/") + " "
		name := pkg + e.Test
		if e.Action == "output" {
			name = pkg + topLevel(e.Test)
		}
		r := all[name]
		switch e.Action {
		case "output":
			r.output += e.Output
		case "pass", "fail", "skip":
			r.action = e.Action
		}
		all[name] = r
	}
	return all, nil
}
