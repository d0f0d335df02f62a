// Package template_test holds template.yaml, the stack that CDK synthesizes
// and the code to each other: what one says of a function or of the table,
// the others say too.
package template_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	samFile   = "../../template.yaml"
	cdkFiles  = "../stack/testdata/*.template.json"
	cdkSample = "../stack/testdata/dev.template.json"
)

func TestTemplatesAndCodeAgree(t *testing.T) {
	files, err := filepath.Glob(cdkFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("got no synthesized templates (%v), want one for each stage", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, difference := range compare(t, read(t, samFile), read(t, file)) {
				t.Error(difference)
			}
		})
	}
}

// intended are the differences that should be, by what they are told as.
func intended() map[string]string {
	return map[string]string{
		"variable DYNAMODB_ENDPOINT: in the code, not in CDK":      "on AWS a function uses its region's own",
		"variable DYNAMODB_ENDPOINT: in template.yaml, not in CDK": "a container needs the local engine's",
		"queue of what failed: in CDK, not in template.yaml":       "on this machine nobody looks into a queue",
	}
}

// compare returns every difference between the two templates and the code,
// and each intended one that is none.
func compare(t *testing.T, sam, cdk string) []string {
	t.Helper()
	samDocument, err := parse([]byte(sam))
	if err != nil {
		t.Fatal(err)
	}
	cdkDocument, err := parse([]byte(cdk))
	if err != nil {
		t.Fatal(err)
	}
	code, local, deployed := factsOfCode(), factsOfSAM(samDocument), factsOfCDK(cdkDocument)
	var all []string
	all = append(all, missing("in the code, not in template.yaml", code, local)...)
	all = append(all, missing("in the code, not in CDK", code, deployed)...)
	all = append(all, missing("in template.yaml, not in the code", local.known(code), code)...)
	all = append(all, missing("in CDK, not in the code", deployed.known(code), code)...)
	all = append(all, missing("in template.yaml, not in CDK", local, deployed)...)
	all = append(all, missing("in CDK, not in template.yaml", deployed, local)...)
	return withoutIntended(all)
}

// known are the facts of kinds that the other has at all.
func (fs facts) known(other facts) facts {
	kinds := map[string]bool{}
	for f := range other {
		kinds[f.kind] = true
	}
	some := facts{}
	for f := range fs {
		some[f] = kinds[f.kind]
	}
	return some
}

func missing(how string, in, from facts) (all []string) {
	for f, applies := range in {
		if applies && !from[f] {
			all = append(all, fmt.Sprintf("%v: %s", f, how))
		}
	}
	return all
}

func withoutIntended(all []string) []string {
	for difference, reason := range intended() {
		before := len(all)
		all = slices.DeleteFunc(all, func(d string) bool { return strings.HasSuffix(d, ": "+difference) })
		if len(all) == before {
			all = append(all, fmt.Sprintf("not so, though %s: %s", reason, difference))
		}
	}
	slices.Sort(all)
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // the project's own
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestOneChangeInOnePlaceIsFound changes the first occurrence of a text in
// one of the templates.
func TestOneChangeInOnePlaceIsFound(t *testing.T) {
	sam, cdk := read(t, samFile), read(t, cdkSample)
	for name, tt := range changes() {
		t.Run(name, func(t *testing.T) {
			changedSAM, changedCDK := sam, cdk
			place := map[bool]*string{true: &changedSAM, false: &changedCDK}[strings.HasPrefix(name, "template.yaml/")]
			if !strings.Contains(*place, tt.from) {
				t.Fatalf("there is no %q to change", tt.from)
			}
			*place = strings.Replace(*place, tt.from, tt.to, 1)
			got := compare(t, changedSAM, changedCDK)
			for _, want := range tt.want {
				if !slices.ContainsFunc(got, func(d string) bool { return strings.HasSuffix(d, want) }) {
					t.Errorf("got %q, want %q among them", got, want)
				}
			}
		})
	}
	if got := compare(t, sam, cdk); len(got) > 0 {
		t.Errorf("got %q without a change, want nothing", got)
	}
}

// A change puts one text in another's place. want are the ends of
// differences that it makes.
type change struct {
	from, to string
	want     []string
}
