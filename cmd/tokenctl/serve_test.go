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
)

func anyPort(dataDir string) []string { return []string{"PORT=0", "DATA_DIR=" + dataDir} }

func TestServeIsReadyWithinThreeSeconds(t *testing.T) {
	started := time.Now()
	s := serving(t, anyPort(filepath.Join(t.TempDir(), "new", "dir")))
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("ready after %v, want at most 3s", took)
	}
	if got := ask(t, s.url, s.accessToken); got != "200" {
		t.Errorf("got %s, want 200", got)
	}
}

func TestThePrintedCurlLineWorksWhenPasted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing, and the line that serve prints needs it: install curl")
	}
	s := serving(t, anyPort(t.TempDir()))
	out, err := exec.CommandContext(t.Context(), "sh", "-c", s.curl).Output() //nolint:gosec // the line under test
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

func TestDataAndAccessTokenSurviveARestart(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := serving(t, anyPort(dir))
			if status, body := send(t, http.MethodPost, first.url+"/api/token/", first.accessToken, `{"name":"lasting"}`); status != http.StatusCreated {
				t.Fatalf("create: got %d %s, want 201", status, body)
			}
			first.end(t, signal)
			again := serving(t, anyPort(dir))
			if again.accessToken != first.accessToken {
				t.Error("got another access token after a restart, want the kept one")
			}
			if _, body := send(t, http.MethodGet, again.url+"/api/token/", first.accessToken, ""); !strings.Contains(body, `"name":"lasting"`) {
				t.Errorf("got %s, want the token from before the restart", body)
			}
		})
	}
}

func TestDataDirIsForItsOwnerOnlyAndHasNoOtherSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := serving(t, anyPort(dir))
	kept := filepath.Join(dir, "access-token")
	wantMode(t, dir, 0o700)
	wantMode(t, kept, 0o600)
	if content, err := os.ReadFile(kept); err != nil || string(content) != s.accessToken+"\n" { //nolint:gosec // the test's folder
		t.Errorf("access-token has %q (%v), want the printed one", content, err)
	}
	s.end(t, syscall.SIGINT)
	if err := os.Chmod(kept, 0o644); err != nil { //nolint:gosec // that is what is to be repaired
		t.Fatal(err)
	}
	serving(t, anyPort(dir))
	wantMode(t, kept, 0o600)
	files, err := filepath.Glob(filepath.Join(dir, "engine.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no engine file in DATA_DIR (%v)", err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err != nil || bytes.Contains(content, []byte(s.accessToken[3:])) { //nolint:gosec // the test's folder
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

func TestASignalEndsServerAndEngineWithExit0(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			s := serving(t, anyPort(t.TempDir()))
			if code := s.end(t, signal); code != 0 {
				t.Errorf("got exit %d, want 0; stderr: %s", code, s.stderr)
			}
			if answers(t, s.endpoint) || answers(t, s.url) {
				t.Error("engine or server takes connections after the exit")
			}
		})
	}
}

func TestAKilledServerLeavesNoEngine(t *testing.T) {
	s := serving(t, anyPort(t.TempDir()))
	if !answers(t, s.endpoint) {
		t.Fatal("the printed engine does not answer")
	}
	s.end(t, syscall.SIGKILL)
	killed := time.Now()
	eventually(t, "the engine ends", func() bool { return !answers(t, s.endpoint) })
	if took := time.Since(killed); took > 2*time.Second {
		t.Errorf("the engine outlived its server by %v, want at most 2s", took)
	}
}

func TestServeEndsWhenItsEngineDies(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	s := serving(t, anyPort(dir), "--engine", script(t, fmt.Sprintf(`echo $$ >%q; exec %q "$@"`, pidFile, engine.Path(dynamotest.Root(t)))))
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
	code := s.exit(t)
	const want = "tokenctl: the local DynamoDB engine ended while it was in use: start `tokenctl serve` again, the data are kept.\n"
	if code != 1 || s.stderr.String() != want {
		t.Errorf("got exit %d and %q, want 1 and %q", code, s.stderr, want)
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

func TestServeUsesTheGivenEndpointAndStartsNoEngine(t *testing.T) {
	kit := dynamotest.New(t)
	dir := t.TempDir()
	marker := filepath.Join(dir, "started")
	env := append(anyPort(dir), "DYNAMODB_ENDPOINT="+kit.Endpoint, "TABLE_NAME=another")
	s := serving(t, env, "--engine", script(t, fmt.Sprintf("touch %q", marker)))
	if s.endpoint != kit.Endpoint {
		t.Errorf("got endpoint %s, want %s", s.endpoint, kit.Endpoint)
	}
	for _, file := range []string{marker, filepath.Join(dir, "engine.db")} {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is there: an engine was started", filepath.Base(file))
		}
	}
	if got := ask(t, s.url, s.accessToken); got != "200" {
		t.Errorf("got %s, want 200", got)
	}
	if out := succeed(t, []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=another"}, "user", "list"); !strings.Contains(out, "demo") {
		t.Errorf("got %q, want demo in the given engine's table", out)
	}
	s.end(t, syscall.SIGINT)
	if !answers(t, kit.Endpoint) {
		t.Error("serve ended an engine that it had not started")
	}
}

func TestAnAccessTokenThatIsNoLongerValidIsReplaced(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *server, string){
		"file_deleted": func(t *testing.T, _ *server, file string) { remove(t, file) },
		"file_garbled": func(t *testing.T, _ *server, file string) {
			if err := os.WriteFile(file, []byte("at-nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"revoked": func(t *testing.T, s *server, _ string) {
			succeed(t, []string{"DYNAMODB_ENDPOINT=" + s.endpoint}, "user", "rotate", "demo", "--revoke")
		},
		"other_engine": func(t *testing.T, s *server, file string) {
			s.end(t, syscall.SIGINT)
			remove(t, filepath.Join(filepath.Dir(file), "engine.db"))
		},
		"slots_full": func(t *testing.T, s *server, file string) {
			for range 4 {
				succeed(t, []string{"DYNAMODB_ENDPOINT=" + s.endpoint}, "user", "rotate", "demo")
			}
			remove(t, file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := serving(t, anyPort(dir))
			spoil(t, first, filepath.Join(dir, "access-token"))
			_ = first.cmd.Process.Signal(syscall.SIGINT) // it may have ended
			first.exit(t)
			again := serving(t, anyPort(dir))
			if again.accessToken == first.accessToken {
				t.Error("got the same access token, want a fresh one")
			}
			if got := ask(t, again.url, again.accessToken); got != "200" {
				t.Errorf("fresh access token: got %s, want 200", got)
			}
			content, err := os.ReadFile(filepath.Join(dir, "access-token")) //nolint:gosec // the test's folder
			if err != nil || strings.TrimSpace(string(content)) != again.accessToken {
				t.Errorf("access-token has %q (%v), want the fresh one", content, err)
			}
			if said := strings.Contains(again.stdout.String(), "older ones revoked: 4."); said != (name == "slots_full") {
				t.Errorf("revocation told: %v, in\n%s", said, again.stdout)
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

func TestADisabledDemoKeepsItsAccessTokenAndServeSaysSo(t *testing.T) {
	dir := t.TempDir()
	first := serving(t, anyPort(dir))
	succeed(t, []string{"DYNAMODB_ENDPOINT=" + first.endpoint}, "user", "disable", "demo")
	first.end(t, syscall.SIGINT)
	again := serving(t, anyPort(dir))
	if again.accessToken != first.accessToken || !strings.Contains(again.stdout.String(), "User demo is disabled") {
		t.Errorf("got %s, want the same access token and a word on demo", again.stdout)
	}
}

func TestEveryRequestIsAnsweredInTheEnvelopeAndLoggedAsJSON(t *testing.T) {
	s := serving(t, anyPort(t.TempDir()))
	for _, request := range [][2]string{{"GET", "/nowhere"}, {"PATCH", "/api/token/"}, {"GET", "/api/token/%25"}, {"OPTIONS", "/api/token/1"}} {
		if status, body := send(t, request[0], s.url+request[1], s.accessToken, ""); !strings.HasPrefix(body, `{"success":false,`) {
			t.Errorf("%v: got %d %q, want the envelope", request, status, body)
		}
	}
	if got := raw(t, s.url, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(got, `{"success":false,`) {
		t.Errorf("OPTIONS *: got %q, want the envelope", got)
	}
	for path, want := range map[string]string{"/": "<title>Latchkey</title>", "/docs": "Latchkey API reference", "/api/openapi.json": `"openapi": "3.1`} {
		if status, body := send(t, "GET", s.url+path, "", ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("GET %s: got %d %.80q, want a page with %q", path, status, body, want)
		}
	}
	s.end(t, syscall.SIGINT)
	lines := 0
	for scan := bufio.NewScanner(strings.NewReader(s.stderr.String())); scan.Scan(); lines++ {
		var line struct{ Route string }
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil || line.Route == "" {
			t.Errorf("log line %q is not a request's JSON", scan.Text())
		}
	}
	if lines != 8 {
		t.Errorf("got %d log lines, want 8", lines)
	}
}
