package tokenctltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Command prepares tokenctl in an environment without settings of this machine: no
// AWS configuration and no saved profile. env is added to it.
func Command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "tokenctl", args...) //nolint:gosec // the command under test
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true"}, env...)
	return cmd
}

// A Result is how a command ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs tokenctl until it ends.
func Run(t testing.TB, env []string, args ...string) Result {
	t.Helper()
	return Finish(t, Command(t, env, args...))
}

// Finish starts a command that Command has prepared and waits until it ends. It
// fails the test if that takes longer than patience.
func Finish(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	overdue := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !overdue.Stop() {
		t.Fatalf("tokenctl %s: did not end within %v", strings.Join(cmd.Args[1:], " "), patience)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	Keep(t, cmd.Args[1:], "stdout", stdout.String())
	Keep(t, cmd.Args[1:], "stderr", stderr.String())
	return Result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// Succeed runs tokenctl and returns its stdout. It fails the test unless the exit
// code is 0 and stderr is empty.
func Succeed(t testing.TB, env []string, args ...string) string {
	t.Helper()
	r := Run(t, env, args...)
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("tokenctl %s: got exit %d, stderr %q; want exit 0 and no stderr", strings.Join(args, " "), r.Code, r.Stderr)
	}
	return r.Stdout
}

// WantRefusal checks that a command ended with exit code 1, printed nothing on
// stdout, and printed the sentence want on stderr.
func WantRefusal(t testing.TB, r Result, want string) {
	t.Helper()
	if r.Code != 1 || r.Stdout != "" || r.Stderr != "tokenctl: "+want+"\n" {
		t.Errorf("got exit %d, stdout %q and stderr\n%s\nwant exit 1, no stdout and stderr\ntokenctl: %s", r.Code, r.Stdout, r.Stderr, want)
	}
}

// JSON decodes the one line that --json prints.
func JSON[T any](t testing.TB, out string) T {
	t.Helper()
	var v T
	if strings.Count(out, "\n") != 1 || json.Unmarshal([]byte(out), &v) != nil {
		t.Fatalf("got %q, want one line of JSON", out)
	}
	return v
}
