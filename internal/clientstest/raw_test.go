//go:build clients

package clientstest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/modelstest"
)

// TestWithoutClient sends requests that no client of the matrix sends.
func TestWithoutClient(t *testing.T) {
	const contents = `{"contents":[{"role":"user","parts":[{"text":"Hello %s"}]}]}`
	const stream = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
	b := newBench(t, true, "--upstream-auth", "x-goog-api-key")
	for _, tt := range []struct{ name, kind, path, body string }{
		{"array", equal, stream, fmt.Sprintf(contents, "")},
		{"array_of_thoughts", equal, stream, fmt.Sprintf(contents, "do:cached-12 do:reasoning-40")},
		{"array_in_gzip", equal, stream, fmt.Sprintf(contents, "do:gzip")},
		{"array_cut", partial, stream, fmt.Sprintf(contents, "do:cut-5")},
		{"array_without_usage", estimate, stream, fmt.Sprintf(contents, "do:no-usage")},
		{"events", equal, stream + "?alt=sse", fmt.Sprintf(contents, "")},
		{"embedding", estimate, "/v1beta/models/gemini-embedding-001:embedContent", `{"content":{"parts":[{"text":"Hello"}]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := b.begin(t.Context(), wantedKey{})
			if err != nil {
				t.Fatal(err)
			}
			got := result{Case: tt.name, Kind: tt.kind}
			if tt.kind != partial {
				got.Direct = post(t, at["direct"]+tt.path, modelstest.Key, tt.body)
			}
			got.Proxied = post(t, at["proxied"]+tt.path, at["key"], tt.body)
			for _, p := range b.check(t.Context(), got) {
				t.Error(p)
			}
		})
	}
}

// post returns the answer as a JSON string.
func post(t *testing.T, url, key, body string) json.RawMessage {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Goog-Api-Key", key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()         //nolint:errcheck // it was read
	got, _ := io.ReadAll(resp.Body) // a cut answer is an error
	text, err := json.Marshal(string(got))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
