//go:build clients

package clientstest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// The receivers in docs/webhooks.md, of which two verify with the libraries of
// Standard Webhooks, accept what Latchkey sends, with each secret while one is
// rotated, and nothing else, and print each event once.
func TestWebhookReceivers(t *testing.T) {
	t.Parallel()
	root := dynamotest.Root(t)
	content, err := os.ReadFile(filepath.Join(root, "docs/webhooks.md")) //nolint:gosec // a file of this project
	if err != nil {
		t.Fatal(err)
	}
	for language, command := range map[string][]string{
		"js":     {"node", "receiver.mjs"},
		"python": {os.Getenv("PYTHON"), "receiver.py"},
		"go":     {"go", "run", "receiver.go"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			_, rest, ok := strings.Cut(string(content), "```"+language+"\n")
			source, _, end := strings.Cut(rest, "```\n")
			if !ok || !end {
				t.Fatalf("docs/webhooks.md has no example in %s", language)
			}
			folder, err := os.MkdirTemp(filepath.Join(root, "build"), "_webhooks-") //nolint:usetesting // must be below node_modules and go.mod; no package of ./...
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(folder) })
			if err := os.WriteFile(filepath.Join(folder, command[len(command)-1]), []byte(source), 0o600); err != nil { //nolint:gosec // a file of the test
				t.Fatal(err)
			}
			t.Run("events_of_a_server", func(t *testing.T) { receivesFromServer(t, folder, command) })
			before, after := webhook.NewSecret(), webhook.NewSecret()
			for name, known := range map[string]string{
				"old secret": before.Reveal(), "new secret": after.Reveal(), "both": before.Reveal() + "," + after.Reveal(),
			} {
				port := freePort(t)
				lines := startReceiver(t, folder, port, known, command)
				e := webhook.Endpoint{URL: "http://127.0.0.1:" + port + "/", Secret: after, Previous: before, PreviousUntil: time.Now().Unix() + 60}
				checkReceiver(t, name, e, lines)
			}
		})
	}
}

// receivesFromServer changes a token of a server that sends webhooks. The receiver, which
// is down at first, prints each event once.
func receivesFromServer(t *testing.T, folder string, command []string) {
	t.Helper()
	port := freePort(t)
	s := tokenctltest.Serve(t, []string{"PORT=0", "DATA_DIR=" + t.TempDir()}, "--webhook", "http://127.0.0.1:"+port+"/")
	for _, request := range [][3]string{{http.MethodPost, "/api/token/", `{"name":"Größe € 😀"}`}, {http.MethodPut, "/api/token/", `{"id":1,"name":"b"}`}, {http.MethodDelete, "/api/token/1", ""}} {
		if status, body := tokenctltest.Send(t, request[0], s.URL+request[1], s.AccessToken, request[2]); status >= http.StatusBadRequest {
			t.Fatalf("%v: got %d %s", request, status, body)
		}
	}
	_, secret, _ := strings.Cut(s.Stdout.String(), "signed with ")
	secret, _, _ = strings.Cut(secret, ")")
	lines := startReceiver(t, folder, port, secret, command)
	got := map[string]string{}
	for len(got) < 3 {
		line, ok := <-lines
		id, kind, _ := strings.Cut(line, " ")
		if !ok || got[kind] != "" {
			t.Fatalf("got %q after %v, want each event once", line, got)
		}
		got[kind] = id
	}
	for _, kind := range []string{"token.created", "token.updated", "token.deleted"} {
		if !event.ValidID(got[kind]) {
			t.Errorf("got %v, want %s", got, kind)
		}
	}
}

// freePort returns a port on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing depends on it
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// startReceiver starts a receiver on a port that knows some secrets, and returns what it
// prints.
func startReceiver(t *testing.T, folder, port, secrets string, command []string) (lines <-chan string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...) //nolint:gosec // of the test
	c.Dir, c.Stderr = folder, os.Stderr
	c.Env = append(os.Environ(), "PORT="+port, "WEBHOOK_SECRETS="+secrets)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	endWithChildren(c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Cancel()
		_ = c.Wait()
	})
	printed := make(chan string, 100)
	go func() {
		defer close(printed)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			printed <- scanner.Text()
		}
	}()
	for range 600 {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			return printed
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the receiver does not listen")
	return nil
}

func checkReceiver(t *testing.T, name string, e webhook.Endpoint, lines <-chan string) {
	t.Helper()
	c := delivery.NewClient(webhook.Rules{Loopback: true}, delivery.Timeout, time.Now)
	send := func(e webhook.Endpoint, c *delivery.Client, id string) int {
		t.Helper()
		sent, err := event.New(1, id, event.TokenCreated, time.Now(), map[string]string{"name": "Größe € 😀 </script>"})
		if err != nil {
			t.Fatal(err)
		}
		return c.Send(t.Context(), e, sent, 1).Status
	}
	forged := e
	forged.Secret, forged.Previous = webhook.NewSecret(), webhook.NewSecret()
	old := delivery.NewClient(webhook.Rules{Loopback: true}, delivery.Timeout, func() time.Time { return time.Now().Add(-6 * time.Minute) })
	for i, tt := range []struct {
		e    webhook.Endpoint
		c    *delivery.Client
		id   string
		want int
	}{
		{e, c, "evt_1", http.StatusNoContent},
		{forged, c, "evt_2", http.StatusBadRequest},
		{e, c, "evt_1", http.StatusNoContent}, // again
		{e, old, "evt_3", http.StatusBadRequest},
		{e, c, "evt_4", http.StatusNoContent},
	} {
		if got := send(tt.e, tt.c, tt.id); got != tt.want {
			t.Errorf("%s: request %d, %s: got status %d, want %d", name, i, tt.id, got, tt.want)
		}
	}
	for _, want := range []string{"evt_1 token.created", "evt_4 token.created"} {
		if got := <-lines; got != want {
			t.Errorf("%s: the receiver printed %q, want %q", name, got, want)
		}
	}
}

// endWithChildren makes the end of a command end what it has started: go run starts
// the program that it has built.
func endWithChildren(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
