// Package suitetest runs the suite of the API in processes of their own, against
// a server that differs from AWS in known ways. It reports each sub-test, so that
// a test can list the ones that must fail there, with the reason.
package suitetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The environment variables of the suite's process.
const (
	EnvURL    = "SUITE_URL"    // the server under test
	EnvEngine = "SUITE_ENGINE" // the DynamoDB in which the suite creates users
	EnvTable  = "SUITE_TABLE"
	EnvRegion = "SUITE_REGION" // of the table; the default is the local engine's
)

// parts returns patterns for -run of tests that take about as long together. With
// the tests that none of them matches, they are eight processes: the imitations of
// AWS spend most of the time waiting.
func parts() []string {
	return []string{
		"TestContract/^FamilyFields$",
		"TestContract/^(Rules|KeyRules)$",
		"TestContract/^(HostileBodies|Create)$",
		"TestContract/^Authentication$",
		"TestContract/^(OpenHolds|TokenLimits|Verify)$",
		"TestContract/^(Paths|Holds|Account|Search)$",
		"TestContract/^(FamilyClients|List|IfMatch|Extra)$",
	}
}

// Run runs the suite with the variables, NAME=value each, in several processes beside
// each other, and returns the result of each of its tests.
func Run(ctx context.Context, t testing.TB, environment ...string) map[string]Result {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "suite.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "suite", "-o", binary, "github.com/latchkey-api/latchkey/internal/suitetest/suite") //nolint:gosec // a test's own file
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the suite: %v\n%s", err, out)
	}
	choices := []string{"-test.skip=" + strings.Join(parts(), "|")}
	for _, part := range parts() {
		choices = append(choices, "-test.run="+part)
	}
	var group sync.WaitGroup
	outputs := make([][]byte, len(choices))
	for i, choice := range choices {
		cmd := exec.CommandContext(ctx, "go", "tool", "test2json", binary, "-test.v=test2json", choice) //nolint:gosec // as above
		cmd.Env = append(os.Environ(), environment...)
		group.Go(func() { outputs[i], _ = cmd.CombinedOutput() }) // the results are checked instead of the error
	}
	group.Wait()
	all := map[string]Result{}
	for _, output := range outputs {
		results, err := ReadResults(output)
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range results {
			all[name] = Result{r.Failed || all[name].Failed, all[name].Output + r.Output}
		}
	}
	return all
}
