//go:build clients

package generatortest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The server does as the document says: schemathesis sends it valid and invalid
// requests that it derives from the document, and none of its checks fails. Its seed
// makes it send the same in each run. One user manages tokens; another owns the key, so
// that it is not deleted.
func TestServerFitsDocument(t *testing.T) {
	server := tokenctltest.Serve(t, []string{"PORT=0", "DATA_DIR=" + t.TempDir()})
	engine := []string{"DYNAMODB_ENDPOINT=" + server.Endpoint}
	tokenctltest.Succeed(t, engine, "user", "limit", "demo", "--max-tokens", "0", "--creates-per-second", "0", "--changes-per-second", "0")
	owner := tokenctltest.JSON[struct {
		AccessToken string `json:"access_token"`
	}](t, tokenctltest.Succeed(t, engine, "user", "create", "owner", "--json"))
	status, body := tokenctltest.Send(t, http.MethodPost, server.URL+"/api/token/", owner.AccessToken, `{"name":"tested","unlimited_quota":true}`)
	var made wire.Envelope[wire.Token]
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("the key is created with %d: %v", status, err)
	}
	program := filepath.Join(filepath.Dir(env(t, "OPENAPI_PYTHON")), "schemathesis")
	dir := t.TempDir() // where schemathesis also saves what it found
	if err := os.CopyFS(dir, os.DirFS("schemathesis")); err != nil {
		t.Fatal(err)
	}
	out := run(t, dir, []string{"ACCESS_TOKEN=" + server.AccessToken, "KEY=" + made.Data.Key},
		program, "--no-color", "run", document(t), "--url", server.URL)
	if got := regexp.MustCompile(`(\d+) generated, (\d+) passed`).FindStringSubmatch(out); got == nil || got[1] != got[2] {
		t.Errorf("got\n%s", credential.Redact(out))
	}
	if selected := fmt.Sprintf("Tested: %d\n", len(api.Routes())); !strings.Contains(out, selected) {
		t.Errorf("not every operation is tested:\n%s", credential.Redact(out))
	}
}
