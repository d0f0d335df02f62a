package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// TestImportRemovesRepetitions checks that a list of models that is too long for
// the API only because of repetitions is imported.
func TestImportRemovesRepetitions(t *testing.T) {
	_, u, env := serveAPI(t)
	file := written(t, "long.json", `[{"name":"a","remain_quota":1,"models":[`+strings.Repeat(`"gpt-4o",`, 20_000)+`"m"]}]`)
	tokenctltest.Succeed(t, env, "token", "import", file)
	if made, err := u.Get(t.Context(), 1); err != nil || made.ModelLimits != "gpt-4o,m" {
		t.Errorf("got %q, %v", made.ModelLimits, err)
	}
}

// TestImportResendsRefusedBatch checks that a batch refused for its body is not
// pending: the next run sends it with a new idempotency key.
func TestImportResendsRefusedBatch(t *testing.T) {
	target, u, env := serveAPI(t)
	upstream, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }}
	codes := []wire.Code{wire.ErrBodyTooLarge, wire.ErrInvalidJSON, wire.ErrUnknownField, wire.ErrUnsupportedMedia, wire.ErrPolicyViolation}
	var keys sync.Map // idempotency keys
	var asked atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys.Store(r.Header.Get("Idempotency-Key"), true)
		n := int(asked.Add(1))
		if n > len(codes) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, asText(wire.Envelope[any]{Code: codes[n-1], Message: "No.", RequestID: "r"}))
	}))
	defer front.Close()
	env[0] = "LATCHKEY_URL=" + front.URL
	file := exported(t, 1)
	for range codes {
		tokenctltest.WantRefusal(t, tokenctltest.Run(t, env, "token", "import", file), "no; no import was confirmed; run the same command again: it creates no token twice.")
	}
	tokenctltest.Succeed(t, env, "token", "import", file)
	wantImported(t, u, file+".keys.csv", 1)
	sent := 0
	keys.Range(func(any, any) bool { sent++; return true })
	if sent != len(codes)+1 {
		t.Errorf("%d idempotency keys were sent, want %d", sent, len(codes)+1)
	}
}

// TestImportNamesRefusedRow checks that the message about a row of a later batch
// counts the rows of the file, and that another file does not continue the import.
func TestImportNamesRefusedRow(t *testing.T) {
	target, u, env := serveAPI(t)
	_, _, err := target.Users.SetPolicy(t.Context(), u.Name, func(p *token.Policy) { p.AllowedModels = []string{"gpt-5*"} })
	if err != nil {
		t.Fatal(err)
	}
	rows := "name,remain_quota,models\n" + strings.Repeat("fine,1,gpt-5\n", 56)
	file := written(t, "tokens.csv", rows+"wrong,1,gpt-4\n")
	keys := file + ".keys.csv"
	wantPartial(t, tokenctltest.Run(t, env, "token", "import", file),
		`row 58, token "wrong": models: the operator's policy for this user is allowed_models gpt-5*; send only names and patterns that it allows, without "gpt-4"; 50 of 57 tokens were imported and their keys are in `+keys+
			`, but none from row 52 on: correct those rows in another file and import that, or run the same command again once the operator allows the row.`)
	other := tokenctltest.Run(t, env, "token", "import", written(t, "other.csv", rows), "--keys", keys)
	if want := "the import into " + keys + " began with different content of "; other.Code != 1 || !strings.Contains(other.Stderr, want) {
		t.Errorf("another file: got exit %d, %s, want %q", other.Code, other.Stderr, want)
	}
	if _, _, err := target.Users.SetPolicy(t.Context(), u.Name, func(p *token.Policy) { *p = token.Policy{} }); err != nil {
		t.Fatal(err)
	}
	tokenctltest.Succeed(t, env, "token", "import", file)
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != 57 {
		t.Errorf("got %d tokens, %v; want 57", page.Total, err)
	}
}
