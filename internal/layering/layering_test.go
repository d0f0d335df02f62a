// Package layering_test checks which package imports which. depguard, in
// .golangci.yml, has finer rules for single packages; this test also sees what
// a package imports through others.
package layering_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const project = "github.com/latchkey-api/latchkey/"

// floors draws the project from the ground up. A package imports packages of
// lower floors only. A folder stands for the packages in it, too.
func floors() [][]string {
	return [][]string{
		{"shared/token", "shared/credential", "shared/quota", "shared/period", "shared/reqlog", "shared/price", "shared/engine", "shared/narrow", "shared/history", "shared/event", "shared/webhook"},
		{"shared/wire", "shared/gate", "shared/dynamo"},
		{"shared/api", "shared/client", "shared/gateway"},
		{"shared/boot"},
		{"functions", "infra", "cmd"},
	}
}

// sideways lists what a package or folder may import of its own floor, apart
// from packages in the same folder of this list.
func sideways() map[string][]string {
	return map[string][]string{
		"shared/token":   {"shared/credential", "shared/period"},
		"shared/price":   {"shared/token"},
		"shared/quota":   {"shared/token", "shared/credential", "shared/price"},
		"shared/history": {"shared/token", "shared/price"},
		"shared/narrow":  {"shared/token", "shared/quota"},
		"shared/reqlog":  {"shared/credential"},
		"shared/event":   {"shared/credential", "shared/history", "shared/token"},
		"shared/webhook": {"shared/credential", "shared/event", "shared/token"},
		"cmd":            {"functions/console/web"}, // tokenctl serve and console contain the console
	}
}

// kits is the folder of the test kits. Only tests and other kits import them.
const kits = "internal"

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		from, ours := strings.CutPrefix(p.ImportPath, project)
		if !ours || in(kits, from) {
			continue
		}
		place, height := placeOf(from)
		if height < 0 {
			t.Errorf("%s is on no floor: add it to floors", from)
		}
		for _, path := range p.Imports {
			to, ours := strings.CutPrefix(path, project)
			if !ours {
				continue
			}
			if in(kits, to) {
				t.Errorf("%s imports the test kit %s", from, to)
				continue
			}
			otherPlace, otherHeight := placeOf(to)
			beside := slices.ContainsFunc(sideways()[place], func(allowed string) bool { return in(allowed, to) })
			switch {
			case otherHeight > height:
				t.Errorf("%s imports %s, which is on a higher floor", from, to)
			case otherHeight == height && otherPlace != place && !beside:
				t.Errorf("%s imports %s, which is on the same floor", from, to)
			}
		}
	}
}

// TestLinkedPackages checks all that a package imports, directly and through
// others.
func TestLinkedPackages(t *testing.T) {
	const sdk, lambdaSDK = "github.com/aws/aws-sdk-go-v2", "github.com/aws/aws-lambda-go"
	testModules := []string{
		"testing", "net/http/httptest", project + kits, "github.com/google/go-cmp", "github.com/santhosh-tekuri/jsonschema",
		"github.com/anishathalye/porcupine", "pgregory.net/rapid", "github.com/rogpeppe/go-internal",
	}
	all := packages(t)
	for _, tt := range []struct {
		of     string   // a package or a folder
		but    []string // packages in it that may link more
		not    []string // packages or folders that must not be linked
		stdlib bool     // nothing but the project's own packages and the standard library
		apart  []string // modules that stdlib does not mean
	}{
		{of: "functions/gateway", not: append(testModules, project+"cmd", project+"infra", project+"shared/client", project+"shared/engine", "github.com/prometheus", "github.com/ncruces/go-sqlite3")},
		{of: "functions", but: []string{"functions/gateway"}, not: append(testModules, sdk+"/service/ssm", project+"cmd", project+"infra", project+"shared/client", project+"shared/gateway", project+"shared/engine", "github.com/prometheus", "github.com/ncruces/go-sqlite3")},
		{of: "functions", but: []string{"functions/history", "functions/deliver"}, not: []string{sdk + "/service/sqs", sdk + "/service/eventbridge", sdk + "/service/scheduler"}},
		{of: "cmd/tokenctl", not: append(testModules, project+"infra", project+"shared/boot", lambdaSDK)},
		{of: "shared", not: testModules},
		{of: "shared/token", stdlib: true},
		{of: "shared/credential", stdlib: true},
		{of: "shared/period", stdlib: true},
		{of: "shared/price", stdlib: true},
		{of: "shared/quota", stdlib: true},
		{of: "shared/history", stdlib: true},
		{of: "shared/narrow", stdlib: true},
		{of: "shared/reqlog", stdlib: true},
		{of: "shared/event", stdlib: true},
		{of: "shared/webhook", stdlib: true},
		{of: "shared/wire", stdlib: true},
		{of: "shared/gate", stdlib: true},
		{of: "shared/gateway", not: []string{sdk, project + "shared/dynamo", project + "shared/boot"}, stdlib: true, apart: []string{"github.com/andybalholm/brotli", "github.com/klauspost/compress"}},
		{of: "shared/dynamo/pages", stdlib: true},
		{of: "shared/api", not: []string{sdk, project + "shared/dynamo", project + "shared/gate", project + "shared/boot"}, stdlib: true},
		{of: "shared/client", not: []string{project + "shared/api", project + "shared/dynamo", project + "shared/gate", project + "shared/boot"}, stdlib: true},
	} {
		checked := 0
		for _, p := range all {
			from, ours := strings.CutPrefix(p.ImportPath, project)
			if !ours || !in(tt.of, from) || slices.Contains(tt.but, from) {
				continue
			}
			checked++
			for _, dep := range p.Deps {
				apart := slices.ContainsFunc(tt.apart, func(module string) bool { return in(module, dep) })
				outside := tt.stdlib && !apart && !strings.HasPrefix(dep, project) && !all.isStandard(dep)
				if outside || slices.ContainsFunc(tt.not, func(folder string) bool { return in(folder, dep) }) {
					t.Errorf("%s must not link %s: go list -deps ./%s shows by what", from, dep, from)
				}
			}
		}
		if checked == 0 {
			t.Errorf("there is no package %s", tt.of)
		}
	}
}

// TestWhoImportsTheSDK checks that the AWS SDK stays where AWS is spoken to.
func TestWhoImportsTheSDK(t *testing.T) {
	allowed := []string{"shared/dynamo", "shared/boot", "cmd/tokenctl", "infra/predeploy", kits}
	for _, p := range packages(t) {
		from, ours := strings.CutPrefix(p.ImportPath, project)
		if !ours || from != "shared/dynamo/pages" && slices.ContainsFunc(allowed, func(folder string) bool { return in(folder, from) }) {
			continue
		}
		for _, path := range p.Imports {
			if in("github.com/aws/aws-sdk-go-v2", path) || in("github.com/aws/smithy-go", path) {
				t.Errorf("%s imports %s; only %v may", from, path, allowed)
			}
		}
	}
}

// placeOf returns the entry of floors that a package belongs to, and the
// number of its floor, or -1.
func placeOf(path string) (string, int) {
	for height, floor := range floors() {
		for _, place := range floor {
			if in(place, path) {
				return place, height
			}
		}
	}
	return "", -1
}

// in reports whether a package is the folder or below it.
func in(folder, path string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// A list has the packages of the project and all that they import. The imports
// of test files are left out.
type list []listed

type listed struct {
	ImportPath    string
	Standard      bool
	Imports, Deps []string
}

func packages(t *testing.T) (all list) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc,nethttpomithttp2", "-json=ImportPath,Standard,Imports,Deps", project+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func (l list) isStandard(path string) bool {
	return slices.ContainsFunc(l, func(p listed) bool { return p.ImportPath == path && p.Standard })
}
