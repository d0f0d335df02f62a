package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// unread runs tokenctl with a stdout whose reader has closed it.
func unread(t *testing.T, env []string, args ...string) tokenctltest.Result {
	t.Helper()
	r, w, err := os.Pipe()
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	cmd := tokenctltest.Command(t, env, args...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	_ = cmd.Run() // ProcessState holds the result
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tokenctltest.Keep(t, args, "stderr", stderr.String())
	return tokenctltest.Result{Code: cmd.ProcessState.ExitCode(), Stderr: stderr.String()}
}

// TestClosedStdoutIsReported checks that a command that prints a key reports a
// closed stdout, and that read-only commands end without a message.
func TestClosedStdoutIsReported(t *testing.T) {
	_, u, env := serveAPI(t)
	const want = "the command succeeded, but its output could not be written to stdout (broken pipe): check the result with `tokenctl user list` or `tokenctl token list`, and rotate if the output held an access token or a key."
	tokenctltest.WantRefusal(t, unread(t, env, "token", "create", "app"), want)
	tokenctltest.WantRefusal(t, unread(t, env, "token", "rotate", "1", "--json"), want)
	if _, err := u.Get(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"token", "list"}, {"token", "get", "1", "--json"}, {"token", "list", "--watch"}} {
		if r := unread(t, env, args...); r.Code != 1 || r.Stderr != "" {
			t.Errorf("%v: got exit %d, stderr %q; want 1 and no stderr", args, r.Code, r.Stderr)
		}
	}
}

// asText returns v as JSON.
func asText(v any) string {
	content, _ := json.Marshal(v) // strings and numbers
	return string(content)
}

// TestServerTextIsEscaped checks that control and bidirectional characters from a
// server are escaped before they reach the terminal.
func TestServerTextIsEscaped(t *testing.T) {
	const hostile, shown = "a\x1b[2J\u202eb\u009b", `a\u001b[2J\u202eb\u009b`
	var fails atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fails.Load() {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, asText(wire.Envelope[any]{Code: "x", Message: hostile, RequestID: hostile}))
			return
		}
		of := wire.Token{ID: 1, Name: hostile, Key: hostile, Models: []string{hostile}, ModelLimitsEnabled: true, AllowIPs: hostile, Group: hostile, PreviousKey: hostile, PreviousUntil: 1}
		w.Header().Set("ETag", "\u202e")
		_, _ = io.WriteString(w, asText(wire.Envelope[any]{Success: true, Data: struct {
			wire.Token
			Items []wire.Token `json:"items"`
		}{of, []wire.Token{of}}}))
	}))
	defer server.Close()
	env := []string{"LATCHKEY_URL=" + server.URL, "LATCHKEY_ACCESS_TOKEN=" + credential.NewAccessToken(1, 0).Reveal()}
	holds := func(args, out string) {
		t.Helper()
		if !strings.Contains(out, shown) || strings.ContainsAny(out, "\x1b\u202e\u009b") {
			t.Errorf("%s: got %q, want %s in it", args, out, shown)
		}
	}
	for _, args := range []string{"list", "get 1", "create app", "rotate 1", "update 1 --name b"} {
		holds(args, tokenctltest.Succeed(t, env, append([]string{"token"}, strings.Fields(args)...)...))
	}
	fails.Store(true)
	holds("a failure", tokenctltest.Run(t, env, "token", "get", "1").Stderr)
}
