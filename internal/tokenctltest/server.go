package tokenctltest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// A Server is a running `tokenctl serve` or `tokenctl proxy`. The fields in the
// last group are what it printed; proxy has only URL and Curl.
type Server struct {
	Cmd            *exec.Cmd
	Stdout, Stderr *capture.Output

	ended chan struct{}

	URL, Endpoint, AccessToken, Curl string
}

// Serve starts `tokenctl serve` with flags and waits until it is ready.
func Serve(t testing.TB, env []string, flags ...string) *Server {
	t.Helper()
	return Start(t, Command(t, env, append([]string{"serve"}, flags...)...))
}

// Start starts serve or proxy and waits until it is ready. The server is killed at
// the end of the test if it still runs. If cmd has a Stderr, that gets the log, and the
// server's Stderr stays empty.
func Start(t testing.TB, cmd *exec.Cmd) *Server {
	t.Helper()
	s := &Server{Cmd: cmd, Stdout: new(capture.Output), Stderr: new(capture.Output), ended: make(chan struct{})}
	s.Cmd.Stdout = s.Stdout
	if s.Cmd.Stderr == nil {
		s.Cmd.Stderr = s.Stderr
	}
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.Cmd.Wait() // ProcessState holds the result
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.Cmd.Process.Kill()
		<-s.ended
		Keep(t, cmd.Args[1:], "stdout", s.Stdout.String())
		Keep(t, cmd.Args[1:], "stderr", s.Stderr.String())
	})
	Eventually(t, "the server is ready", func() bool {
		select {
		case <-s.ended:
			t.Fatalf("%v ended with %s: %s", cmd.Args, s.Cmd.ProcessState, s.Stderr)
		default:
		}
		return strings.Contains(s.Stdout.String(), "Press Ctrl-C to stop.\n")
	})
	s.URL = s.printed(`ready at (http://\S+)\n`)
	s.Curl = s.printed(`\n +(curl .*)\n`)
	s.Endpoint = s.printed(`Engine: +(\S+) `)
	s.AccessToken = s.printed(`Access token: (at-\w{48}) `)
	return s
}

// printed returns the part of stdout in the parentheses of pattern, or an empty
// string if nothing matches.
func (s *Server) printed(pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(s.Stdout.String()); found != nil {
		return found[1]
	}
	return ""
}

// End sends a signal and returns the exit code.
func (s *Server) End(t testing.TB, signal syscall.Signal) int {
	t.Helper()
	_ = s.Cmd.Process.Signal(signal) // fails if the process has ended
	return s.Exit(t)
}

// Exit waits for the end of the process and returns its exit code.
func (s *Server) Exit(t testing.TB) int {
	t.Helper()
	select {
	case <-s.ended:
		return s.Cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("the server did not end")
		return 0
	}
}

// Accepts reports whether a server accepts connections at a URL.
func Accepts(t testing.TB, url string) bool {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// ListStatus lists the tokens of a user and returns "200", or the status and the
// error code, such as "401 unauthorized".
func ListStatus(t testing.TB, url, accessToken string) string {
	t.Helper()
	status, body := Send(t, http.MethodGet, url+"/api/token/", accessToken, "")
	var envelope struct{ Code string }
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatalf("the response is not JSON: %s", body)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, envelope.Code))
}

// Send sends a request with an access token and returns the status and the body of
// the response.
func Send(t testing.TB, method, url, accessToken, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}
