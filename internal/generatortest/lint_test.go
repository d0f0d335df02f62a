//go:build clients

package generatortest_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// The linters of OpenAPI documents find nothing in the API document. redocly.yaml and
// spectral.yaml say which of their recommended rules don't apply, and why.
func TestLinters(t *testing.T) {
	npm := filepath.Join(env(t, "OPENAPI_NODE"), "node_modules")
	for _, c := range []struct {
		name, want string
		step       []string
	}{
		{"redocly", "Woohoo! Your API description is valid. 🎉\n", []string{"node", filepath.Join(npm, "@redocly/cli/bin/cli.js"), "lint", "--config", "redocly.yaml", document(t)}},
		{"spectral", "No results with a severity of 'hint' or higher found!", []string{"node", filepath.Join(npm, "@stoplight/spectral-cli/dist/index.js"), "lint", "--ruleset", "spectral.yaml", "--fail-severity", "hint", "--display-only-failures=false", document(t)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := run(t, ".", []string{"REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true"}, c.step...)
			if !strings.Contains(out, c.want) || strings.Contains(out, "You have ") {
				t.Errorf("got\n%s", out)
			}
		})
	}
}
