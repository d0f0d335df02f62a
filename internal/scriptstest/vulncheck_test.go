// Package scriptstest_test tests scripts with commands that stand in for the real ones.
package scriptstest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// scripts/vulncheck fails if one of its databases has a vulnerability or does not answer.
// With OFFLINE=1 only a vulnerability fails it.
func TestVulncheck(t *testing.T) {
	const (
		none    = "echo found 0 vulnerabilities"
		found   = "echo '# npm audit report'; exit 1"
		refused = "echo 'npm warn audit 405 Method Not Allowed'; echo 'npm error audit endpoint returned an error' >&2; exit 1"
		away    = "echo 'npm error code ENOTFOUND' >&2; exit 1"
		goAway  = "echo 'govulncheck: fetching vulnerabilities: no such host' >&2; exit 1"
		goFound = "echo 'Vulnerability #1'; exit 3"
		warning = "were NOT checked"
		advice  = "set OFFLINE=1"
	)
	for name, tt := range map[string]struct {
		goDoes, npmDoes, offline string
		fails                    bool
		want                     string
	}{
		"none":                 {none, none, "", false, "found 0"},
		"in_a_package":         {none, found, "1", true, "report"},
		"in_Go_code":           {goFound, none, "1", true, "Vulnerability #1"},
		"registry_refuses":     {none, refused, "", true, advice},
		"refuses_offline":      {none, refused, "1", false, warning},
		"registry_is_away":     {none, away, "1", false, warning},
		"Go_is_away":           {goAway, none, "", true, advice},
		"Go_is_away_offline":   {goAway, none, "1", false, warning},
		"away_and_vulnerable":  {goAway, found, "1", true, warning},
		"vulnerable_and_away":  {goFound, away, "1", true, warning},
		"both_are_not_checked": {goAway, refused, "1", false, warning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for command, does := range map[string]string{"go": tt.goDoes, "npm": tt.npmDoes} {
				if err := os.WriteFile(filepath.Join(folder, command), []byte("#!/bin/sh\n"+does+"\n"), 0o700); err != nil { //nolint:gosec // a command
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), filepath.Join(dynamotest.Root(t), "scripts/vulncheck"), "v1.0.0") //nolint:gosec // a script of the project
			cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "OFFLINE="+tt.offline)
			output, err := cmd.CombinedOutput()
			if (err != nil) != tt.fails || !strings.Contains(string(output), tt.want) {
				t.Errorf("got %v and\n%s\nwant failure %t and %q", err, output, tt.fails, tt.want)
			}
		})
	}
}
