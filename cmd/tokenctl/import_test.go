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
)

// exported is an export of n tokens, in a folder of its own.
func exported(t *testing.T, n int) string {
	t.Helper()
	var text strings.Builder
	_, _ = fmt.Fprintln(&text, "id,name,status,remain_quota,unlimited_quota,expired_time") // a Builder never fails
	for i := range n {
		_, _ = fmt.Fprintf(&text, "%d,n%d,1,10,0,-1\n", 1000+i, i)
	}
	return written(t, "export.csv", text.String())
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil { //nolint:gosec // a folder of the test
		t.Fatal(err)
	}
	return file
}

// imported holds a user's tokens and a keys file to n rows of exported, each
// made once, with a key that is valid.
func imported(t *testing.T, u *apitest.User, keysFile string, n int) {
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
			t.Errorf("row %d is of %v, want n%d", i, row[:4], i)
		}
		if v, err := u.Verify(t.Context(), row[4], wire.VerifyInput{}); err != nil || !v.Valid || v.RemainQuota != 10 {
			t.Errorf("the key of %s: got valid %t, %v", row[1], v.Valid, err)
		}
	}
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != int64(n) {
		t.Errorf("got %d tokens, %v; want %d", page.Total, err, n)
	}
}

func TestAnImportTellsWhatItDoesWithEachRow(t *testing.T) {
	_, u, env := caller(t)
	content, err := os.ReadFile(filepath.Join("export", "testdata", "newapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	file := written(t, "tokens.json", string(content))
	rows := strings.Join([]string{
		"note: the file has 8 tokens, and says that there are 9: export the other pages too.",
		`note: these columns have no counterpart and are ignored: "cross_group_retry".`,
		"row 3: note: more than its quota was spent, so it begins with 0.",
		"row 4: skipped: it is expired, or will be within a minute.",
		"row 5: skipped: it is deleted.",
		"row 6: name must have 1 to 50 characters, not 52.",
		"row 7: expired_time must be at most 99999999999: it counts seconds, not milliseconds.",
		"row 8: remain_quota must be a whole number, written with all its digits.",
		"",
	}, "\n")
	want := func(r result, code int, stdout, stderr string) {
		t.Helper()
		if r.code != code || r.stdout != stdout || r.stderr != rows+stderr {
			t.Errorf("got exit %d, stdout\n%s\nand stderr\n%s", r.code, r.stdout, r.stderr)
		}
	}
	want(tokenctl(t, env, "token", "import", file), 1, "", "tokenctl: 3 of 8 rows can't be imported, so nothing was: mend them, or leave them out with --skip-bad.\n")
	want(tokenctl(t, nil, "token", "import", file, "--skip-bad", "--dry-run"), 0, "3 of 8 tokens of "+file+", an export of New API, would be imported. Skipped: 2. Left out as bad: 3.\n", "")
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != 0 {
		t.Errorf("after a dry run: got %d tokens, %v", page.Total, err)
	}
	if files, err := os.ReadDir(filepath.Dir(file)); err != nil || len(files) != 1 {
		t.Errorf("after a dry run: got %d files, %v; want the export alone", len(files), err)
	}
	keys := file + ".keys.csv"
	want(tokenctl(t, env, "token", "import", file, "--skip-bad"), 0, "3 tokens are imported. Skipped: 2. Left out as bad: 3.\nTheir new keys are in "+keys+", which you alone can read.\n", "")
	want(tokenctl(t, env, "token", "import", file, "--skip-bad"), 1, "", "tokenctl: "+keys+" exists, so this may have been imported: move it away, or give --keys another name, to import it once more.\n")
	all, err := u.List(t.Context(), client.ListOptions{})
	if err != nil || all.Total != 3 {
		t.Fatalf("got %d tokens, %v; want 3", all.Total, err)
	}
	if got := all.Items[1]; got.Name != "disabled, unlimited, overspent" || got.Status != token.Disabled || !got.UnlimitedQuota {
		t.Errorf("got %+v", got)
	}
}

// TestAnImportThatIsKilledGoesOn kills the process after the API has made its
// second batch, and before it hears of it.
func TestAnImportThatIsKilledGoesOn(t *testing.T) {
	const tokens = 120
	target, u, _ := caller(t)
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
	victim := command(t, env, args)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-made:
	case <-time.After(patience):
		t.Error("the second batch did not come")
	}
	_ = victim.Process.Kill()
	if err := victim.Wait(); err == nil {
		t.Fatal("it came to its end, and was to be killed")
	}
	longer := written(t, "longer.csv", "name\nanother\n")
	refuse(t, tokenctl(t, env, "token", "import", longer, "--keys", file+".keys.csv"),
		"the import into "+file+".keys.csv was begun with another content of "+longer+", another --units-per-dollar, or another API or user: go on with those, or begin a new import with --keys OTHER.")
	out := asJSON[struct{ Imported, Before int }](t, succeed(t, env, append(args, "--json")...))
	if out.Imported != tokens || out.Before != token.MaxBatch {
		t.Errorf("got %+v, want %d, of which one batch before", out, tokens)
	}
	imported(t, u, file+".keys.csv", tokens)
}

// TestAnImportKeepsTheLimits waits for the rate, stops at the count, and goes
// on when it is raised.
func TestAnImportKeepsTheLimits(t *testing.T) {
	const tokens = 120
	target, u, env := caller(t)
	limit := func(l token.Limits) {
		t.Helper()
		if _, err := target.Users.SetLimits(t.Context(), u.Name, func(to *token.Limits) { *to = l }); err != nil {
			t.Fatal(err)
		}
	}
	limit(token.Limits{MaxTokens: 110, CreatesPerSecond: 40, CreateBurst: 20})
	file := exported(t, tokens)
	refuse(t, tokenctl(t, env, "token", "import", file),
		"you have as many tokens as you may: let the operator raise the limit with `tokenctl user limit NAME --max-tokens N`; 100 of 120 tokens are imported, their keys are in "+file+".keys.csv, and the same command goes on from there and makes nothing twice.")
	limit(token.Limits{MaxTokens: tokens})
	succeed(t, env, "token", "import", file)
	imported(t, u, file+".keys.csv", tokens)
}

func TestMistakesWithImportsAreOneSentence(t *testing.T) {
	_, _, env := caller(t)
	empty := written(t, "empty.json", "[]")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"/nowhere/file"}, "/nowhere/file can't be read (no such file or directory): give the path of an export."},
		{[]string{"/dev/zero"}, "/dev/zero is larger than 64 MiB: split it."},
		{[]string{empty}, empty + " can't be imported: there are no tokens in it."},
		{[]string{exported(t, 1), "--keys", "/nowhere/keys"}, "/nowhere/keys.journal can't be used (no such file or directory); nothing was imported that is known of, and the same command goes on and makes nothing twice."},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			refuse(t, tokenctl(t, env, append([]string{"token", "import"}, c.args...)...), c.want)
		})
	}
}
