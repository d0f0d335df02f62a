package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/engine"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// anyPort returns an environment in which serve uses a free port and a data folder.
func anyPort(dataDir string) []string { return []string{"PORT=0", "DATA_DIR=" + dataDir} }

// TestServeStartsWithinThreeSeconds checks how soon serve answers requests.
func TestServeStartsWithinThreeSeconds(t *testing.T) {
	started := time.Now()
	s := tokenctltest.Serve(t, anyPort(filepath.Join(t.TempDir(), "new", "dir")))
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("ready after %v, want at most 3s", took)
	}
	if got := tokenctltest.ListStatus(t, s.URL, s.AccessToken); got != "200" {
		t.Errorf("got %s, want 200", got)
	}
}

// TestServeCurlLine checks that the curl command that serve prints works.
func TestServeCurlLine(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing, and the line that serve prints needs it: install curl")
	}
	s := tokenctltest.Serve(t, anyPort(t.TempDir()))
	out, err := exec.CommandContext(t.Context(), "sh", "-c", s.Curl).Output() //nolint:gosec // the line under test
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Success bool
		Data    struct{ Key string }
	}
	if err := json.Unmarshal(out, &answer); err != nil || !answer.Success || !strings.HasPrefix(answer.Data.Key, "sk-") {
		t.Errorf("got %q (%v), want a new token", out, err)
	}
}

// TestServeKeepsDataAcrossRestarts checks that tokens and the access token survive
// a signal, even SIGKILL.
func TestServeKeepsDataAcrossRestarts(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := tokenctltest.Serve(t, anyPort(dir))
			if status, body := tokenctltest.Send(t, http.MethodPost, first.URL+"/api/token/", first.AccessToken, `{"name":"lasting"}`); status != http.StatusCreated {
				t.Fatalf("create: got %d %s, want 201", status, body)
			}
			first.End(t, signal)
			again := tokenctltest.Serve(t, anyPort(dir))
			if again.AccessToken != first.AccessToken {
				t.Error("got another access token after a restart, want the saved one")
			}
			if _, body := tokenctltest.Send(t, http.MethodGet, again.URL+"/api/token/", first.AccessToken, ""); !strings.Contains(body, `"name":"lasting"`) {
				t.Errorf("got %s, want the token from before the restart", body)
			}
		})
	}
}

// TestServeDataDirIsPrivate checks the modes of the data folder and of the saved
// access token, and that the database file does not hold the access token.
func TestServeDataDirIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := tokenctltest.Serve(t, anyPort(dir))
	saved := filepath.Join(dir, "access-token")
	wantMode(t, dir, 0o700)
	wantMode(t, saved, 0o600)
	if content, err := os.ReadFile(saved); err != nil || string(content) != s.AccessToken+"\n" { //nolint:gosec // the test's folder
		t.Errorf("access-token has %q (%v), want the printed one", content, err)
	}
	s.End(t, syscall.SIGINT)
	if err := os.Chmod(saved, 0o644); err != nil { //nolint:gosec // serve must correct it
		t.Fatal(err)
	}
	tokenctltest.Serve(t, anyPort(dir))
	wantMode(t, saved, 0o600)
	files, err := filepath.Glob(filepath.Join(dir, "engine.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no engine file in DATA_DIR (%v)", err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err != nil || bytes.Contains(content, []byte(s.AccessToken[3:])) { //nolint:gosec // the test's folder
			t.Errorf("%s has the access token in plain text (or %v)", filepath.Base(file), err)
		}
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s: got mode %o, want %o", filepath.Base(path), got, want)
	}
}

// TestServeStopsOnSignal checks that a signal ends server and engine, with exit
// code 0.
func TestServeStopsOnSignal(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			s := tokenctltest.Serve(t, anyPort(t.TempDir()))
			if code := s.End(t, signal); code != 0 {
				t.Errorf("got exit %d, want 0; stderr: %s", code, s.Stderr)
			}
			if tokenctltest.Accepts(t, s.Endpoint) || tokenctltest.Accepts(t, s.URL) {
				t.Error("engine or server accepts connections after the exit")
			}
		})
	}
}

// TestEngineEndsWithKilledServer checks that the engine ends within 2 seconds if
// its server is killed.
func TestEngineEndsWithKilledServer(t *testing.T) {
	s := tokenctltest.Serve(t, anyPort(t.TempDir()))
	if !tokenctltest.Accepts(t, s.Endpoint) {
		t.Fatal("the printed engine does not answer")
	}
	s.End(t, syscall.SIGKILL)
	killed := time.Now()
	tokenctltest.Eventually(t, "the engine ends", func() bool { return !tokenctltest.Accepts(t, s.Endpoint) })
	if took := time.Since(killed); took > 2*time.Second {
		t.Errorf("the engine outlived its server by %v, want at most 2s", took)
	}
}

// TestServeEndsWithItsEngine checks that serve ends with an error if its engine is
// killed.
func TestServeEndsWithItsEngine(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	s := tokenctltest.Serve(t, anyPort(dir), "--engine", script(t, fmt.Sprintf(`echo $$ >%q; exec %q "$@"`, pidFile, engine.Path(dynamotest.Root(t)))))
	killFrom(t, pidFile)
	code := s.Exit(t)
	const want = "tokenctl: the local DynamoDB engine stopped unexpectedly: run `tokenctl serve` again; the data is not lost.\n"
	if code != 1 || s.Stderr.String() != want {
		t.Errorf("got exit %d and %q, want 1 and %q", code, s.Stderr, want)
	}
}

// killFrom kills the process whose id a file has.
func killFrom(t *testing.T, pidFile string) {
	t.Helper()
	content, err := os.ReadFile(pidFile) //nolint:gosec // the test's folder
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// script writes an executable shell script.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

// TestServeUsesGivenEndpoint checks that with an endpoint serve neither starts nor
// stops an engine.
func TestServeUsesGivenEndpoint(t *testing.T) {
	kit := dynamotest.New(t)
	dir := t.TempDir()
	marker := filepath.Join(dir, "started")
	env := append(anyPort(dir), "DYNAMODB_ENDPOINT="+kit.Endpoint, "TABLE_NAME=another")
	s := tokenctltest.Serve(t, env, "--engine", script(t, fmt.Sprintf("touch %q", marker)))
	if s.Endpoint != kit.Endpoint {
		t.Errorf("got endpoint %s, want %s", s.Endpoint, kit.Endpoint)
	}
	for _, file := range []string{marker, filepath.Join(dir, "engine.db")} {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is there: an engine was started", filepath.Base(file))
		}
	}
	if got := tokenctltest.ListStatus(t, s.URL, s.AccessToken); got != "200" {
		t.Errorf("got %s, want 200", got)
	}
	if out := tokenctltest.Succeed(t, []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=another"}, "user", "list"); !strings.Contains(out, "demo") {
		t.Errorf("got %q, want demo in the given engine's table", out)
	}
	s.End(t, syscall.SIGINT)
	if !tokenctltest.Accepts(t, kit.Endpoint) {
		t.Error("serve ended an engine that it had not started")
	}
}

// TestServeReplacesInvalidAccessToken checks that serve issues a new access token
// if the saved one is missing, damaged or not valid.
func TestServeReplacesInvalidAccessToken(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *tokenctltest.Server, string){
		"file_deleted": func(t *testing.T, _ *tokenctltest.Server, file string) { remove(t, file) },
		"file_garbled": func(t *testing.T, _ *tokenctltest.Server, file string) {
			if err := os.WriteFile(file, []byte("at-nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"revoked": func(t *testing.T, s *tokenctltest.Server, _ string) {
			tokenctltest.Succeed(t, []string{"DYNAMODB_ENDPOINT=" + s.Endpoint}, "user", "rotate", "demo", "--revoke")
		},
		"other_engine": func(t *testing.T, s *tokenctltest.Server, file string) {
			s.End(t, syscall.SIGINT)
			remove(t, filepath.Join(filepath.Dir(file), "engine.db"))
		},
		"slots_full": func(t *testing.T, s *tokenctltest.Server, file string) {
			for range 4 {
				tokenctltest.Succeed(t, []string{"DYNAMODB_ENDPOINT=" + s.Endpoint}, "user", "rotate", "demo")
			}
			remove(t, file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := tokenctltest.Serve(t, anyPort(dir))
			spoil(t, first, filepath.Join(dir, "access-token"))
			_ = first.Cmd.Process.Signal(syscall.SIGINT) // it may have ended
			first.Exit(t)
			again := tokenctltest.Serve(t, anyPort(dir))
			if again.AccessToken == first.AccessToken {
				t.Error("got the same access token, want a fresh one")
			}
			if got := tokenctltest.ListStatus(t, again.URL, again.AccessToken); got != "200" {
				t.Errorf("fresh access token: got %s, want 200", got)
			}
			content, err := os.ReadFile(filepath.Join(dir, "access-token")) //nolint:gosec // the test's folder
			if err != nil || strings.TrimSpace(string(content)) != again.AccessToken {
				t.Errorf("access-token has %q (%v), want the fresh one", content, err)
			}
			if reported := strings.Contains(again.Stdout.String(), "Older ones revoked: 4."); reported != (name == "slots_full") {
				t.Errorf("message about revoked access tokens: got %v in\n%s", reported, again.Stdout)
			}
		})
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// TestServeReportsDisabledDemo checks that serve keeps the access token of a
// disabled demo user and says that the user is disabled.
func TestServeReportsDisabledDemo(t *testing.T) {
	dir := t.TempDir()
	first := tokenctltest.Serve(t, anyPort(dir))
	tokenctltest.Succeed(t, []string{"DYNAMODB_ENDPOINT=" + first.Endpoint}, "user", "disable", "demo")
	first.End(t, syscall.SIGINT)
	again := tokenctltest.Serve(t, anyPort(dir))
	if again.AccessToken != first.AccessToken || !strings.Contains(again.Stdout.String(), "User demo is disabled") {
		t.Errorf("got %s, want the same access token and a note that demo is disabled", again.Stdout)
	}
}

// TestServeAnswersAndLogsInJSON checks that every error has the envelope of the
// API and that every request has one log line in JSON.
func TestServeAnswersAndLogsInJSON(t *testing.T) {
	s := tokenctltest.Serve(t, anyPort(t.TempDir()))
	for _, request := range [][2]string{{"GET", "/nowhere"}, {"PATCH", "/api/token/"}, {"GET", "/api/token/%25"}, {"OPTIONS", "/api/token/1"}} {
		if status, body := tokenctltest.Send(t, request[0], s.URL+request[1], s.AccessToken, ""); !strings.HasPrefix(body, `{"success":false,`) {
			t.Errorf("%v: got %d %q, want the envelope", request, status, body)
		}
	}
	if got := raw(t, s.URL, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(got, `{"success":false,`) {
		t.Errorf("OPTIONS *: got %q, want the envelope", got)
	}
	for path, want := range map[string]string{"/": "<title>Latchkey</title>", "/docs": "Latchkey API reference", "/api/openapi.json": `"openapi": "3.1`} {
		if status, body := tokenctltest.Send(t, "GET", s.URL+path, "", ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("GET %s: got %d %.80q, want a page with %q", path, status, body, want)
		}
	}
	s.End(t, syscall.SIGINT)
	lines := 0
	for scan := bufio.NewScanner(strings.NewReader(s.Stderr.String())); scan.Scan(); lines++ {
		var line struct{ Route string }
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil || line.Route == "" {
			t.Errorf("log line %q is not a request's JSON", scan.Text())
		}
	}
	if lines != 8 {
		t.Errorf("got %d log lines, want 8", lines)
	}
}
