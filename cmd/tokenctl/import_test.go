package main_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// exported writes an export of n tokens and returns its path.
func exported(t *testing.T, n int) string {
	t.Helper()
	var text strings.Builder
	_, _ = fmt.Fprintln(&text, "id,name,status,remain_quota,unlimited_quota,expired_time,models,subnet") // a Builder never fails
	for i := range n {
		_, _ = fmt.Fprintf(&text, "%d,n%d,1,10,0,-1,,\n", 1000+i, i)
	}
	return written(t, "export.csv", text.String())
}

// written writes a file and returns its path.
func written(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// wantPartial checks that an import has stopped after some of the rows.
func wantPartial(t *testing.T, r tokenctltest.Result, want string) {
	t.Helper()
	if r.Code != 3 {
		t.Errorf("got exit %d, want 3", r.Code)
	}
	r.Code = 1
	tokenctltest.WantRefusal(t, r, want)
}

// wantImported checks that a user has exactly the n tokens of exported and that the
// keys file has a valid key for each.
func wantImported(t *testing.T, u *apitest.User, keysFile string, n int) {
	t.Helper()
	info, err := os.Stat(keysFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the keys file: got %v, %v; want mode 0600", info, err)
	}
	content, err := os.ReadFile(keysFile) //nolint:gosec // a folder of the test
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	if err != nil || len(rows) != n+1 {
		t.Fatalf("the keys file has %d rows, %v; want a header and %d", len(rows), err, n)
	}
	for i, row := range rows[1:] {
		if row[0] != fmt.Sprint(1000+i) || row[1] != fmt.Sprint("n", i) {
			t.Errorf("row %d is %v, want n%d", i, row[:4], i)
		}
		if v, err := u.Verify(t.Context(), row[4], wire.VerifyInput{}); err != nil || !v.Valid || v.RemainQuota != 10 {
			t.Errorf("the key of %s: got valid %t, %v", row[1], v.Valid, err)
		}
	}
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != int64(n) {
		t.Errorf("got %d tokens, %v; want %d", page.Total, err, n)
	}
}

// TestImportContinuesAfterKill kills the process when the API has created the
// second batch but has not answered. The next run must complete the import.
func TestImportContinuesAfterKill(t *testing.T) {
	const tokens = 120
	target, u, _ := serveAPI(t)
	upstream, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	var batches atomic.Int64
	made := make(chan struct{})
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		ModifyResponse: func(answer *http.Response) error {
			if batches.Add(1) != 2 {
				return nil
			}
			close(made)
			<-answer.Request.Context().Done() // the caller is gone
			return errors.New("killed")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	env := []string{"LATCHKEY_URL=" + front.URL, "LATCHKEY_ACCESS_TOKEN=" + u.AccessToken}
	file := exported(t, tokens)
	args := []string{"token", "import", file}
	victim := tokenctltest.Command(t, env, args...)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-made:
	case <-time.After(time.Minute):
		t.Error("the second batch did not arrive")
	}
	_ = victim.Process.Kill()
	if err := victim.Wait(); err == nil {
		t.Fatal("the import ended before it was killed")
	}
	longer := written(t, "longer.csv", "name\nanother\n")
	tokenctltest.WantRefusal(t, tokenctltest.Run(t, env, "token", "import", longer, "--keys", file+".keys.csv"),
		"the import into "+file+".keys.csv began with different content of "+longer+", another --units-per-dollar, another API or another user: continue with those, or start a new import with --keys OTHER.")
	out := tokenctltest.JSON[struct{ Imported, Before int }](t, tokenctltest.Succeed(t, env, append(args, "--json")...))
	if out.Imported != tokens || out.Before != token.MaxBatch {
		t.Errorf("got %+v, want %d, one batch of them before", out, tokens)
	}
	wantImported(t, u, file+".keys.csv", tokens)
}

// TestImportKeepsUserLimits checks that an import waits for the user's creation
// rate, stops at the maximum number of tokens, and continues when that is raised.
func TestImportKeepsUserLimits(t *testing.T) {
	const tokens = 120
	target, u, env := serveAPI(t)
	limit := func(l token.Limits) {
		t.Helper()
		if _, err := target.Users.SetLimits(t.Context(), u.Name, func(to *token.Limits) { *to = l }); err != nil {
			t.Fatal(err)
		}
	}
	limit(token.Limits{MaxTokens: 110, CreatesPerSecond: 40, CreateBurst: 20})
	file := exported(t, tokens)
	wantPartial(t, tokenctltest.Run(t, env, "token", "import", file),
		"token limit reached: ask the operator to raise it with `tokenctl user limit NAME --max-tokens N`; 100 of 120 tokens were imported and their keys are in "+file+".keys.csv; run the same command again: it continues there and creates no token twice.")
	limit(token.Limits{MaxTokens: tokens})
	tokenctltest.Succeed(t, env, "token", "import", file)
	wantImported(t, u, file+".keys.csv", tokens)
}
