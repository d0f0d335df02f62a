package readertest_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// The files that a reader has, in the forms of New API and of LiteLLM.
const (
	exported = `[{"id":1,"name":"web","key":"oneoneoneoneoneoneoneoneoneoneoneoneoneoneoneone","status":1,"expired_time":-1,"remain_quota":500000,"unlimited_quota":false,"model_limits_enabled":false,"model_limits":"","allow_ips":"","deleted_at":null},
{"id":2,"name":"batch","key":"twotwotwotwotwotwotwotwotwotwotwotwotwotwotwotwo","status":1,"expired_time":-1,"remain_quota":250000,"unlimited_quota":false,"model_limits_enabled":false,"model_limits":"","allow_ips":"","deleted_at":null}]`
	litellmPrices = `{"gpt-5": {"litellm_provider":"openai","mode":"chat","input_cost_per_token":1.25e-06,"output_cost_per_token":1e-05},
"claude-sonnet-5": {"litellm_provider":"anthropic","mode":"chat","input_cost_per_token":3e-06,"output_cost_per_token":1.5e-05}}`
)

// prepare does what documents ask a reader to do before their commands: it creates a
// token in the console, and has the files that they name.
func (r *reader) prepare(t *testing.T) {
	t.Helper()
	status, body := tokenctltest.Send(t, http.MethodPost, r.server.URL+"/api/token/", r.server.AccessToken, `{"name":"production","remain_quota":1000}`)
	if status != http.StatusCreated {
		t.Fatalf("create a token: got %d %s", status, body)
	}
	var created struct{ Data struct{ Key string } }
	if err := json.Unmarshal([]byte(body), &created); err != nil {
		t.Fatal(err)
	}
	r.key = created.Data.Key
	var prices string
	for _, b := range blocksOf(t, "docs/prices.md") {
		if b.Language == "json" {
			prices = b.Text
		}
	}
	for name, content := range map[string]string{"tokens.json": exported, "prices.json": prices, "model_prices_and_context_window.json": litellmPrices} {
		if err := os.WriteFile(filepath.Join(r.shell.Folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// fill replaces what a reader replaces, and the ports, which are free ones here.
func (r *reader) fill(text string) string {
	gateway := "http://127.0.0.1:3001"
	if r.gateway != nil {
		gateway = r.gateway.URL
	}
	return strings.NewReplacer(
		"http://127.0.0.1:3000", r.server.URL, "https://api.example.com", r.server.URL, "http://127.0.0.1:3001", gateway,
		"sk-…", r.key, "HEX", fmt.Sprintf("%x", sha256.Sum256([]byte(litellmPrices))),
		"UPSTREAM_API_KEY=…", "UPSTREAM_API_KEY="+modelstest.Key, "https://api.openai.com", r.upstream.URL,
		"TABLE_NAME=<TableName>", "DYNAMODB_ENDPOINT="+r.server.Endpoint, // as docs/gateway.md says for a server on this machine
	).Replace(text)
}
