package main_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// A command that has begun to write the tokens of a user and fails says what that
// means, and that it can be repeated.
func TestUnfinishedUserCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"disable", "alice"}, "some of its keys may still be accepted"},
		{[]string{"delete", "alice", "--yes"}, "some of its keys may still be accepted"},
		{[]string{"enable", "alice"}, "some of its keys may still be refused"},
		{[]string{"budget", "alice", "--units", "5"}, "the budget may be set, and some tokens may not follow it yet"},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			endpoint := refusing(t, "Query", "ThrottlingException")
			env := []string{"DYNAMODB_ENDPOINT=" + endpoint, "TABLE_NAME=" + dynamotest.Table}
			if c.args[0] == "enable" {
				tokenctltest.Run(t, env, "user", "disable", "alice")
			}
			got := tokenctltest.Run(t, env, append([]string{"user"}, c.args...)...)
			tokenctltest.WantRefusal(t, got, "DynamoDB at "+endpoint+" did not respond as expected, so "+c.want+": run this command again.")
		})
	}
}

// Ctrl-C while tokens are written ends the command, which can be repeated.
func TestUserCommandStopsOnCtrlC(t *testing.T) {
	for _, c := range []struct{ args, state, again string }{
		{"disable alice", "some of its keys may still be accepted", "User alice is disabled, and its keys are stopped. Tokens changed: 0.\n"},
		{"budget alice --units 5", "the budget may be set, and some tokens may not follow it yet", "User alice has a budget for all of its tokens together: 5 units.\nWhat was used of it before still counts.\n"},
	} {
		t.Run(c.args, func(t *testing.T) { stopsOnCtrlC(t, strings.Fields("user "+c.args), c.state, c.again) })
	}
}

func stopsOnCtrlC(t *testing.T, args []string, state, again string) {
	t.Helper()
	kit := dynamotest.New(t)
	direct := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	tokenctltest.Succeed(t, direct, "user", "create", "alice")
	target, err := url.Parse(kit.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	waiting := make(chan struct{}, 10)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".Query") {
			proxy.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice a disconnection
		waiting <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(front.Close)
	cmd := tokenctltest.Command(t, []string{"DYNAMODB_ENDPOINT=" + front.URL, "TABLE_NAME=" + dynamotest.Table}, args...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-waiting
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || errors.String() != "tokenctl: interrupted, so "+state+": run this command again.\n" {
		t.Errorf("got error %v and %q, want it interrupted", err, errors.String())
	}
	if out := tokenctltest.Succeed(t, direct, args...); out != again {
		t.Errorf("again: got %q", out)
	}
}

// Only yes deletes a user.
func TestUserDeleteAsksForConfirmation(t *testing.T) {
	kit := dynamotest.New(t)
	env := []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	tokenctltest.Succeed(t, env, "user", "create", "alice")
	for _, c := range []struct {
		answer     string
		exit, left int
	}{{"\n", 1, 1}, {"n\n", 1, 1}, {"y\n", 0, 0}} {
		term := atTerminal(t, env, "user", "delete", "alice")
		term.shows(t, "Permanently delete user alice and its 0 tokens? [y/N] ")
		term.types(t, c.answer)
		if code := term.exit(t); code != c.exit {
			t.Errorf("%q: got exit %d, want %d", c.answer, code, c.exit)
		}
		if users, err := kit.Store.Users(t.Context()); err != nil || len(users) != c.left {
			t.Errorf("%q: got %d users, %v; want %d", c.answer, len(users), err, c.left)
		}
	}
}
