// Package template_test compares template.yaml, the template that CDK
// synthesizes, and the code. They must declare the same functions, routes,
// permissions and table.
//
// The function gateway is in neither: only stacks with an upstream have it, and
// sam local serves no function URLs. Tests of infra/stack check those stacks, whose
// templates are in testdata/upstream; shared/boot/modelgateway tests the function.
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

// TestTemplatesAndCodeAgree checks that there are no differences but the
// intended ones.
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

// intended returns the differences that should exist, with the reason for each.
func intended() map[string]string {
	return map[string]string{
		"variable DYNAMODB_ENDPOINT: in the code, not in CDK":      "on AWS a function uses the endpoint of its region",
		"variable DYNAMODB_ENDPOINT: in template.yaml, not in CDK": "a container needs the endpoint of the local engine",
		"queue of what failed: in CDK, not in template.yaml":       "sam local has no queue",
	}
}

// compare returns every difference between the two templates and the code that
// is not intended, and every intended difference that does not exist.
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
	code, local, deployed := declarationsOfCode(), declarationsOfSAM(samDocument), declarationsOfCDK(cdkDocument)
	var all []string
	all = append(all, missing("in the code, not in template.yaml", code, local)...)
	all = append(all, missing("in the code, not in CDK", code, deployed)...)
	all = append(all, missing("in template.yaml, not in the code", local.known(code), code)...)
	all = append(all, missing("in CDK, not in the code", deployed.known(code), code)...)
	all = append(all, missing("in template.yaml, not in CDK", local, deployed)...)
	all = append(all, missing("in CDK, not in template.yaml", deployed, local)...)
	return withoutIntended(all)
}

// known returns the declarations of the kinds that other also contains.
func (ds declarations) known(other declarations) declarations {
	kinds := map[string]bool{}
	for f := range other {
		kinds[f.kind] = true
	}
	some := declarations{}
	for f := range ds {
		some[f] = kinds[f.kind]
	}
	return some
}

func missing(how string, in, from declarations) (all []string) {
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
			all = append(all, fmt.Sprintf("intended, because %s, but not found: %s", reason, difference))
		}
	}
	slices.Sort(all)
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestChangeInOneTemplate checks that a change of a single text in one of the
// templates is reported.
func TestChangeInOneTemplate(t *testing.T) {
	sam, cdk := read(t, samFile), read(t, cdkSample)
	for name, tt := range changes() {
		t.Run(name, func(t *testing.T) {
			changedSAM, changedCDK := sam, cdk
			place := map[bool]*string{true: &changedSAM, false: &changedCDK}[strings.HasPrefix(name, "template.yaml/")]
			if !strings.Contains(*place, tt.from) {
				t.Fatalf("the template does not contain %q", tt.from)
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

// A change replaces the first occurrence of a text. want has the ends of the
// differences that it causes.
type change struct {
	from, to string
	want     []string
}
