package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestProbe checks that an API that does not answer as the table does is a problem:
// also one with another token of the same key.
func TestProbe(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"valid":true,"code":"","user_id":7,"token_id":3}`:          "",
		`{"valid":true,"code":"","user_id":8,"token_id":3}`:          "has another token with the key",
		`{"valid":true,"code":"","user_id":7,"token_id":4}`:          "has another token with the key",
		`{"valid":true,"code":""}`:                                   "has another token with the key",
		`{"valid":false,"code":"not_found"}`:                         "does not know the key",
		`{"valid":false,"code":"disabled","user_id":7,"token_id":3}`: "refuses the key of row 2, **********mask (disabled)",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"success":true,"message":"","data":%s}`, answer)
		}))
		p := probe{url: server.URL}
		there := export.There{Plain: credential.NewSecret("a-key-of-another-system"), Key: export.Key{Mask: "**********mask"}}
		p.offer(export.Row{Number: 2, Line: 2, There: there}, gate.KnownKey{Ledger: quota.Ledger{Token: token.Token{UserID: 7, ID: 3}}}, valid)
		err := p.ask(t.Context(), &console{err: io.Discard})
		server.Close()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got error %v, want %q", answer, err, want)
		}
	}
}
