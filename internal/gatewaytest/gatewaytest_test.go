package gatewaytest_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/gatewaytest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// templates returns the templates of all stages by stage. A test in
// infra/stack checks that they are what CDK synthesizes.
func templates(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../infra/stack/testdata/*.template.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got no templates (%v), want one for each stage", err)
	}
	texts := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a test's own file
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".template.json")] = text
	}
	return texts
}

// TestStackServesTheWholeAPI checks that the stack of every stage passes the
// suite that the local server passes, whatever AWS does with a slash at the
// end of a path. With -short each stage is tested with one reading of the
// slash, another one for each stage.
func TestStackServesTheWholeAPI(t *testing.T) {
	built := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./functions/...")
	texts := templates(t)
	for i, stage := range slices.Sorted(maps.Keys(texts)) {
		slashes := gatewaytest.Slashes()
		if testing.Short() {
			i %= len(slashes)
			slashes = slashes[i : i+1]
		}
		for _, slash := range slashes {
			t.Run(stage+"/"+slash.String(), func(t *testing.T) {
				t.Parallel()
				stack, err := gatewaytest.Read(texts[stage])
				if err != nil {
					t.Fatal(err)
				}
				kit := dynamotest.New(t)
				server := httptest.NewServer(gatewaytest.Start(t, stack, slash, built, kit))
				t.Cleanup(server.Close)
				expectPages(t, server.URL)
				apitest.Run(t, apitest.NewTarget(t, server.URL, &token.UserService{Store: kit.Store, Now: time.Now}))
			})
		}
	}
}

// expectPages checks that a browser finds the documents with and without a slash at
// the end, whichever function gets the request.
func expectPages(t *testing.T, base string) {
	t.Helper()
	for path, contentType := range map[string]string{
		"/": "text/html", "/docs": "text/html", "/docs/": "text/html", "/docs/?a=1": "text/html",
		"/api/openapi.json": "application/json", "/api/openapi.json/": "application/json",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(got, contentType) {
				t.Errorf("%s %s: got %s, %s, want 200, %s", method, path, answer.Status, got, contentType)
			}
		}
	}
}
