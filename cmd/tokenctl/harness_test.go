package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// binaryVar and capturesVar name the environment variables in which TestMain
// leaves the built program and the folder for everything that it printed.
const (
	binaryVar   = "TOKENCTL_TEST_BINARY"
	capturesVar = "TOKENCTL_TEST_CAPTURES"
	patience    = 10 * time.Second // fails a test that waits in vain
)

// TestMain builds the program once, and at the end looks through everything
// that it printed.
func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tokenctl-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's own folder for that
	binary, captures := filepath.Join(dir, "tokenctl"), filepath.Join(dir, "captures")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, ".") //nolint:gosec // our own paths
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	err = errors.Join(os.Mkdir(captures, 0o700), os.Setenv(binaryVar, binary), os.Setenv(capturesVar, captures))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := checkSecrets(captures); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// checkSecrets finds credentials in outputs that must have none. Of users,
// only create and rotate, and serve, may print access tokens, on stdout; of
// tokens, only create and rotate may print keys.
func checkSecrets(captures string) error {
	files, err := filepath.Glob(filepath.Join(captures, "*"))
	if err != nil {
		return err
	}
	credential := regexp.MustCompile(`\b(at|sk)-[0-9A-Za-z]{8,}`)
	var leaks error
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // our own folder
		if err != nil {
			return err
		}
		name := filepath.Base(file)
		verb, _, _ := strings.Cut(name, "-stdout")
		may := map[string]string{"create": "at-", "rotate": "at-", "serve": "at-", "token_create": "sk-", "token_rotate": "sk-"}[verb]
		for _, found := range credential.FindAllString(string(content), -1) {
			if may == "" || !strings.HasPrefix(found, may) {
				leaks = errors.Join(leaks, fmt.Errorf("a credential (%s…) in the output %s", found[:7], name))
			}
		}
	}
	return leaks
}

// keep stores one output for checkSecrets.
func keep(t *testing.T, verb, stream, content string) {
	t.Helper()
	f, err := os.CreateTemp(os.Getenv(capturesVar), verb+"-"+stream+"-*")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// verb is the last word before a command's own arguments; those of tokens are
// told from those of users.
func verb(args []string) string {
	if len(args) > 1 && args[0] == "token" {
		return "token_" + args[1]
	}
	for _, word := range []string{"serve", "proxy", "create", "rotate", "list", "enable", "disable"} {
		for _, arg := range args {
			if arg == word {
				return word
			}
		}
	}
	return "other"
}

// command prepares the program in an environment without settings of the
// machine: no AWS, no terminal width.
func command(t *testing.T, env, args []string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Getenv(binaryVar), args...) //nolint:gosec // built by TestMain
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true"}, env...)
	return cmd
}

type result struct {
	code           int
	stdout, stderr string
}

// tokenctl runs the program to its end.
func tokenctl(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return finish(t, command(t, env, args), args)
}

func finish(t *testing.T, cmd *exec.Cmd, args []string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	overdue := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	keep(t, verb(args), "stdout", stdout.String())
	keep(t, verb(args), "stderr", stderr.String())
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeed runs a command that must work, without a word on stderr.
func succeed(t *testing.T, env []string, args ...string) string {
	t.Helper()
	r := tokenctl(t, env, args...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("tokenctl %s: got exit %d, stderr %q, want 0 and none", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// refuse holds a command to one sentence on stderr, nothing on stdout, and
// exit 1.
func refuse(t *testing.T, r result, want string) {
	t.Helper()
	if r.code != 1 || r.stdout != "" || r.stderr != "tokenctl: "+want+"\n" {
		t.Errorf("got exit %d, stdout %q and stderr\n%s\nwant exit 1, no stdout and stderr\ntokenctl: %s", r.code, r.stdout, r.stderr, want)
	}
}

// asJSON reads the one line that --json prints.
func asJSON[T any](t *testing.T, out string) T {
	t.Helper()
	var v T
	if strings.Count(out, "\n") != 1 || json.Unmarshal([]byte(out), &v) != nil {
		t.Fatalf("got %q, want one line of JSON", out)
	}
	return v
}

// A server is a running `tokenctl serve` or `tokenctl proxy`.
type server struct {
	cmd            *exec.Cmd
	stdout, stderr *capture.Output
	ended          chan struct{}

	url, endpoint, accessToken, curl string
}

// serving starts `tokenctl serve` and waits until it says that it is ready.
func serving(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	s := start(t, "serve", env, args...)
	s.read(t, map[string]*string{
		`Engine: +(\S+) `:            &s.endpoint,
		`Access token: (at-\w{48}) `: &s.accessToken,
	})
	return s
}

// start runs a command that serves, and waits until it says that it is ready.
func start(t *testing.T, name string, env []string, args ...string) *server {
	t.Helper()
	s := &server{cmd: command(t, env, append([]string{name}, args...)), stdout: new(capture.Output), stderr: new(capture.Output), ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = s.stdout, s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // its state says the rest
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		keep(t, name, "stdout", s.stdout.String())
		keep(t, name, "stderr", s.stderr.String())
	})
	eventually(t, "the server is ready", func() bool {
		select {
		case <-s.ended:
			t.Fatalf("%s ended with %s: %s", name, s.cmd.ProcessState, s.stderr)
		default:
		}
		return strings.Contains(s.stdout.String(), "Stop with Ctrl-C.\n")
	})
	s.read(t, map[string]*string{
		`ready at (http://127\.0\.0\.1:\d+)\n`: &s.url,
		`\n +(curl .*)\n`:                      &s.curl,
	})
	return s
}

// read takes what the server has printed.
func (s *server) read(t *testing.T, fields map[string]*string) {
	t.Helper()
	for pattern, field := range fields {
		found := regexp.MustCompile(pattern).FindStringSubmatch(s.stdout.String())
		if found == nil {
			t.Fatalf("the server printed nothing like %s:\n%s", pattern, s.stdout)
		}
		*field = found[1]
	}
}

// end sends a signal and waits for the exit code.
func (s *server) end(t *testing.T, signal syscall.Signal) int {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return s.exit(t)
}

func (s *server) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("the server did not end")
		return 0
	}
}

// eventually polls until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// answers reports whether an endpoint takes connections.
func answers(t *testing.T, endpoint string) bool {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// ask lists the tokens of an access token's user: 200, or status and code.
func ask(t *testing.T, url, accessToken string) string {
	t.Helper()
	status, body := send(t, http.MethodGet, url+"/api/token/", accessToken, "")
	var envelope struct{ Code string }
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatalf("answer is not JSON: %s", body)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, envelope.Code))
}

func send(t *testing.T, method, url, accessToken, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(content)
}
