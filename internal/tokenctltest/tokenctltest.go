// Package tokenctltest runs tokenctl for tests: as a command in a shell
// transcript, as a process with captured output, and as a server. When all tests
// have run, it searches everything that tokenctl printed for credentials.
//
// The test binary is the command: it runs tokenctl's main function if it is
// started under the name tokenctl.
package tokenctltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// capturesVar is the environment variable with the folder of captured outputs.
const capturesVar = "TOKENCTL_TEST_CAPTURES"

// patience is how long a test waits for something before it fails: longer than the
// slowest command takes with the race detector on a busy machine.
const patience = 2 * time.Minute

// Main runs the tests of a package whose command is tokenctl, and exits. Call it
// from TestMain. Processes find the command tokenctl, and the commands check,
// lose-token, sqlite3 and copy-table of transcripts, in the PATH.
func Main(m *testing.M, tokenctl func()) {
	testscript.Main(captured{m}, map[string]func(){"tokenctl": tokenctl, "check": check, "lose-token": loseToken, "sqlite3": runSQL, "copy-table": copyTable})
}

// captured searches the captured outputs after the tests have run.
type captured struct{ m *testing.M }

// Run implements testscript.TestingM.
func (c captured) Run() int {
	captures, err := os.MkdirTemp("", "tokenctl-captures")
	if err == nil {
		defer os.RemoveAll(captures) //nolint:errcheck // a temporary folder
		err = os.Setenv(capturesVar, captures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := c.m.Run()
	if err := CheckSecrets(captures); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// CheckSecrets returns an error for each credential in an output that must have
// none. On stdout, `user create`, `user rotate` and serve may print access tokens,
// serve, `webhook create` and `webhook rotate` the secret of a webhook, and
// `token create` and `token rotate` keys. Nothing else may.
func CheckSecrets(captures string) error {
	files, err := filepath.Glob(filepath.Join(captures, "*"))
	if err != nil {
		return err
	}
	allowed := map[string][]string{
		"user_create": {"at-"}, "user_rotate": {"at-"}, "serve": {"at-", "whsec_"}, "token_create": {"sk-"}, "token_rotate": {"sk-"},
		"webhook_create": {"whsec_"}, "webhook_rotate": {"whsec_"},
	}
	var leaks error
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // our own folder
		if err != nil {
			return err
		}
		name := filepath.Base(file)
		command, _, _ := strings.Cut(name, "-stdout")
		for _, found := range credential.FindAll(string(content), 8) {
			if !slices.ContainsFunc(allowed[command], func(prefix string) bool { return strings.HasPrefix(found, prefix) }) {
				leaks = errors.Join(leaks, fmt.Errorf("a credential (%s…) in the output %s", found[:7], name))
			}
		}
	}
	return leaks
}

// Keep stores an output of a command for the search of Main. stream is stdout,
// stderr or terminal.
func Keep(t testing.TB, args []string, stream, content string) {
	t.Helper()
	f, err := os.CreateTemp(os.Getenv(capturesVar), commandName(args)+"-"+stream+"-*")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// commandName returns the command in args, such as user_create or serve.
func commandName(args []string) string {
	switch {
	case len(args) > 1 && (args[0] == "token" || args[0] == "user" || args[0] == "webhook"):
		return args[0] + "_" + strings.TrimLeft(args[1], "-")
	case len(args) > 0 && (args[0] == "serve" || args[0] == "proxy"):
		return args[0]
	default:
		return "other"
	}
}

// Eventually polls until ok returns true. It fails the test if that takes longer than patience.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
