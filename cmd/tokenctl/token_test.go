package main_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// serveAPI serves the API in this process. It returns a user and the environment
// with which tokenctl acts as that user.
func serveAPI(t *testing.T) (*apitest.Target, *apitest.User, []string) {
	t.Helper()
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	return target, u, []string{"LATCHKEY_URL=" + target.URL, "LATCHKEY_ACCESS_TOKEN=" + u.AccessToken}
}

// TestWatchUntilCtrlC checks that --watch shows changes and that Ctrl-C ends it
// with exit code 0.
func TestWatchUntilCtrlC(t *testing.T) {
	_, u, env := serveAPI(t)
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("first")}); err != nil {
		t.Fatal(err)
	}
	cmd := tokenctltest.Command(t, env, "token", "list", "--watch", "--interval", "100ms", "--json")
	out := new(capture.Output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shows := func(name string) func() bool { return func() bool { return strings.Contains(out.String(), name) } }
	tokenctltest.Eventually(t, "the first list", shows("first"))
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("second")}); err != nil {
		t.Fatal(err)
	}
	tokenctltest.Eventually(t, "a list with the change", shows("second"))
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: got %v, want exit 0", err)
	}
	tokenctltest.Keep(t, cmd.Args[1:], "stdout", out.String())
	for line := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("got the line %q, want JSON", line)
		}
	}
}

// TestSearchGoesOn checks that a search goes on until it finds a token, and that the
// next page is not promised by number there.
func TestSearchGoesOn(t *testing.T) {
	t.Parallel()
	_, u, env := serveAPI(t)
	create := func(name string) {
		in := make([]wire.TokenInput, token.MaxBatch)
		for i := range in {
			in[i] = wire.TokenInput{Name: new(name)}
		}
		if _, err := u.CreateAll(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	create("needle")
	for range token.MaxSearchWindow / token.MaxBatch {
		create("straw")
	}
	first, err := u.Search(t.Context(), client.SearchOptions{Keyword: "needle"})
	if err != nil || len(first.Items) != 0 || first.Next == 0 {
		t.Fatalf("got %d tokens and next %d, %v; want an empty page and more to search", len(first.Items), first.Next, err)
	}
	got := tokenctltest.Succeed(t, env, "token", "list", "--keyword", "needle")
	if strings.Count(got, "needle") != 10 || !strings.HasSuffix(got, "\nThe search has not reached older tokens; --all searches all.\n") {
		t.Errorf("got %s, want 10 tokens and how to see the rest", got)
	}
	if got := tokenctltest.Succeed(t, env, "token", "list", "--keyword", "nowhere"); got != "No tokens match.\n" {
		t.Errorf("got %s, want no tokens after all were searched", got)
	}
}
