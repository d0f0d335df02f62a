//go:build stack

package stacktest_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/document"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// restoredTable is the name of the restored table in the document.
const restoredTable = "latchkey-restored"

// createTokens creates a user of prod with two tokens. MiniStack restores the
// items that a table has at that moment, so <time> is now.
func (o *operator) createTokens(t *testing.T) {
	t.Helper()
	o.run(t, document.Command{Text: "build/tokenctl user create owner"}, "")
	_, o.values["the kept key"] = o.token(t, `{"name":"kept","unlimited_quota":true}`)
	o.values["the deleted token"], o.values["the deleted key"] = o.token(t, `{"name":"deleted","unlimited_quota":true}`)
	o.values["<time>"] = time.Now().UTC().Format(time.RFC3339)
}

// deleteToken deletes one of the tokens in the live table.
func (o *operator) deleteToken(t *testing.T) {
	t.Helper()
	if status, body := o.request(t, http.MethodDelete, o.values["the deleted token"], "", o.credentials()...); status != http.StatusOK {
		t.Fatalf("delete a token: got %d %s, want 200", status, body)
	}
}

// useRestored writes the restored table and its stream into the settings of prod.
func (o *operator) useRestored(t *testing.T) {
	t.Helper()
	o.write(t, stagesName, `{"prod":{"account":"`+o.aws(t, "Account", "sts", "get-caller-identity")+`","region":"`+region+
		`","table":"`+restoredTable+`","tableStream":"`+o.values["the stream"]+`"}}`)
}

// checkRestored checks that prod uses the restored table, and that it accepts the
// key of the token that was kept and refuses the other.
func (o *operator) checkRestored(t *testing.T) {
	t.Helper()
	if got := o.values["<TableName>"]; got != restoredTable {
		t.Errorf("got the table %s, want %s", got, restoredTable)
	}
	for name, want := range map[string]string{"the kept key": `"valid":true`, "the deleted key": `"valid":false`} {
		status, body := o.request(t, http.MethodPost, o.values["<ApiUrl>"]+wire.VerifyPath, "{}",
			"Authorization", "Bearer "+o.values[name], "Content-Type", "application/json")
		if status != http.StatusOK || !bytes.Contains(body, []byte(want)) {
			t.Errorf("verify %s: got %d %s, want %s", name, status, body, want)
		}
	}
}
