package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/wire"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// bulkAnswer is what --json prints for several tokens.
type bulkAnswer struct {
	Count   int
	Results []wire.Result
}

// made returns the URL and the environment of a user with tokens 1 to n.
func made(t *testing.T, n int) (url string, env []string) {
	t.Helper()
	target, u, env := serveAPI(t)
	for first := 0; first < n; first += 50 {
		in := make([]wire.TokenInput, min(50, n-first))
		for i := range in {
			in[i] = wire.TokenInput{Name: new("app")}
		}
		if _, err := u.CreateAll(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	return target.URL, env
}

// TestBulkReportsPartialResults checks that a command reports what was done if its
// second batch fails.
func TestBulkReportsPartialResults(t *testing.T) {
	target, env := made(t, 99)
	upstream, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }, ModifyResponse: func(*http.Response) error {
		if asked.Add(1) > 1 {
			return errors.New("broken")
		}
		return nil
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusForbidden) }}
	front := httptest.NewServer(proxy)
	defer front.Close()
	args := []string{"token", "delete", "--yes", "--json"}
	for id := range 101 {
		args = append(args, fmt.Sprint(id+1))
	}
	r := tokenctltest.Run(t, []string{"LATCHKEY_URL=" + front.URL, env[1]}, args...)
	want := "token 100: there is no such token among yours: check the id, or list your tokens.\n" +
		"tokenctl: 99 of 101 tokens were deleted before this error: " + front.URL + " answered 403 Forbidden, which is not an answer of the token API: check the base URL.\n"
	if out := tokenctltest.JSON[bulkAnswer](t, r.Stdout); r.Code != 1 || r.Stderr != want || out.Count != 99 || len(out.Results) != 100 {
		t.Errorf("got exit %d, %d of %d, and stderr\n%s", r.Code, out.Count, len(out.Results), r.Stderr)
	}
}
