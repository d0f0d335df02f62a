package tokenctltest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Transcripts runs the testscript files in a folder. Beside testscript's own
// commands they have three:
//
//   - session FILE runs the lines of FILE that start with "$ " in a shell, one
//     after another, and prints the lines with what each printed. Lines of stderr
//     start with [stderr], and [exit N] follows a command that failed. Lines that
//     start with # stay. Compare the result with FILE itself: cmp stdout FILE.
//   - start ARGS starts `tokenctl ARGS`, which must be serve or proxy, waits until
//     it is ready, and prints its stdout. After serve, LATCHKEY_URL and
//     DYNAMODB_ENDPOINT name that server and its engine.
//   - interrupt presses Ctrl-C in that server, and fails unless it exits with 0.
//
// In a session four more commands are in the PATH: check reads a key or an access
// token from stdin and prints what the API says about it; lose-token removes a
// token from the table behind the API's back; sqlite3 FILE runs the statements on
// its stdin in a database; copy-table FROM TO makes a table with the items of another.
//
// Each transcript has an API at LATCHKEY_URL on an engine at DYNAMODB_ENDPOINT,
// with the table latchkey-test, and the user alice. Her access token is in
// LATCHKEY_ACCESS_TOKEN and in the file alice.txt.
// What differs from run to run is replaced in the output: see normalize.
//
// With UPDATE_GOLDEN=1 the files are updated.
func Transcripts(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir, Setup: setup, UpdateScripts: os.Getenv("UPDATE_GOLDEN") != "", RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"session": session, "start": startServer, "interrupt": interrupt, "charge": charge},
	})
}

// testKey is the key under which a script keeps its testing.TB, and serverKey that
// of the pointer to its server.
type (
	testKey   struct{}
	serverKey struct{}
	kitKey    struct{}
)

func setup(env *testscript.Env) error {
	t, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("the scripts need a testing.TB")
	}
	env.Values[testKey{}], env.Values[serverKey{}] = t, new(*Server)
	target, kit := apitest.Serve(t)
	env.Values[kitKey{}] = kit
	_, accessToken, err := target.Users.Create(t.Context(), "alice", token.RoleUser, 0)
	if err != nil {
		return err
	}
	if _, err := target.Users.SetLimits(t.Context(), "alice", dynamotest.RemoveLimits); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HOME": filepath.Join(env.WorkDir, "home"), "AWS_EC2_METADATA_DISABLED": "true", "PORT": "0",
		"DYNAMODB_ENDPOINT": kit.Endpoint, "LATCHKEY_URL": target.URL, "LATCHKEY_ACCESS_TOKEN": accessToken.Reveal(),
	} {
		env.Setenv(name, value)
	}
	// serve looks for the engine in node_modules of the working directory.
	return errors.Join(os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700),
		os.WriteFile(filepath.Join(env.WorkDir, "alice.txt"), []byte(accessToken.Reveal()+"\n"), 0o600),
		os.Symlink(filepath.Join(dynamotest.Root(t), "node_modules"), filepath.Join(env.WorkDir, "node_modules")))
}

func testOf(ts *testscript.TestScript) testing.TB {
	t, _ := ts.Value(testKey{}).(testing.TB) // set by setup
	return t
}

func serverOf(ts *testscript.TestScript) **Server {
	s, _ := ts.Value(serverKey{}).(**Server) // set by setup
	return s
}

// session implements the command session.
func session(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: session FILE")
	}
	var out strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		command, isCommand := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		switch {
		case isCommand:
			out.WriteString(line + runLine(ts, command) + "\n")
		case strings.HasPrefix(line, "#"):
			out.WriteString(line)
		}
	}
	_, err := fmt.Fprint(ts.Stdout(), strings.TrimSuffix(out.String(), "\n"))
	ts.Check(err)
}

// runLine runs one line of a session in a shell and returns its output.
func runLine(ts *testscript.TestScript, line string) string {
	t := testOf(ts)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line) //nolint:gosec // a line of the test
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "AWS_EC2_METADATA_DISABLED", "PORT", "DYNAMODB_ENDPOINT", "TABLE_NAME", "LATCHKEY_URL", "LATCHKEY_ACCESS_TOKEN",
	} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%s: %v", line, err)
	}
	if _, rest, ok := strings.Cut(line, "tokenctl "); ok {
		Keep(t, strings.Fields(rest), "stdout", stdout.String())
		Keep(t, strings.Fields(rest), "stderr", stderr.String())
	}
	out := normalize(ts, stdout.String())
	for told := range strings.Lines(normalize(ts, stderr.String())) {
		out += "[stderr] " + told
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		out += fmt.Sprintf("[exit %d]\n", code)
	}
	return out
}

// startServer implements the command start.
func startServer(ts *testscript.TestScript, _ bool, args []string) {
	t := testOf(ts)
	cmd := Command(t, []string{"PORT=0", "DATA_DIR=" + ts.MkAbs("data"), "DYNAMODB_ENDPOINT=" + ts.Getenv("DYNAMODB_ENDPOINT"), "TABLE_NAME=" + ts.Getenv("TABLE_NAME")}, args...)
	cmd.Dir = ts.Getenv("WORK")
	s := Start(t, cmd)
	*serverOf(ts) = s
	if s.Endpoint != "" {
		ts.Setenv("LATCHKEY_URL", s.URL)
		ts.Setenv("DYNAMODB_ENDPOINT", s.Endpoint)
	}
	_, err := fmt.Fprint(ts.Stdout(), normalize(ts, strings.ReplaceAll(s.Stdout.String(), s.URL, "http://127.0.0.1:PORT")))
	ts.Check(err)
}

// interrupt implements the command interrupt.
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	s := *serverOf(ts)
	if s == nil {
		ts.Fatalf("no server was started")
	}
	if code := s.End(testOf(ts), syscall.SIGINT); code != 0 {
		ts.Fatalf("got exit %d, want 0; stderr: %s", code, s.Stderr)
	}
}

// normalize replaces what differs from run to run by a text of the same length,
// so that tables stay aligned, or by the name of its variable: URLs, the working
// directory, keys, access tokens and times after 2020 and before 2100.
func normalize(ts *testscript.TestScript, s string) string {
	for _, name := range []string{"LATCHKEY_URL", "DYNAMODB_ENDPOINT", "WORK"} {
		if value := ts.Getenv(name); value != "" {
			s = strings.ReplaceAll(s, value, "$"+name)
		}
	}
	for _, r := range []struct{ pattern, replacement string }{
		{`at-[0-9A-Za-z]{48}`, "at-ACCESS-TOKEN"},
		{`sk-[0-9A-Za-z]{54}`, "sk-KEY"},
		{`(sk|at)-[0-9A-Za-z]{4}(\*+)[0-9A-Za-z]{4}`, "${1}-XXXX${2}XXXX"},
		{`whsec_[0-9A-Za-z+/]{43}=`, "whsec_SECRET"},
		{`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "2026-01-01T00:00:00Z"},
		{`((?:_time|_at|"until|"time)":)[12]\d{9}\b`, "${1}1767225600"},
		{`/stream/[0-9.]+`, "/stream/LABEL"},
		{`/Library/Application Support/latchkey`, "/.config/latchkey"},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.replacement)
	}
	return s
}
