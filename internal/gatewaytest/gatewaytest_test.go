package gatewaytest_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/gatewaytest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// templates are those of all stages. A test of the stack holds them to what
// CDK synthesizes.
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

// TestStackServesTheWholeAPI plays the local server's suite against the
// stack of each stage, whatever AWS does with a slash at a path's end.
func TestStackServesTheWholeAPI(t *testing.T) {
	built := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./functions/...")
	for stage, text := range templates(t) {
		for _, slash := range gatewaytest.Slashes() {
			t.Run(stage+"/"+slash.String(), func(t *testing.T) {
				t.Parallel()
				stack, err := gatewaytest.Read(text)
				if err != nil {
					t.Fatal(err)
				}
				kit := dynamotest.New(t)
				server := httptest.NewServer(gatewaytest.Start(t, stack, slash, built, kit))
				t.Cleanup(server.Close)
				apitest.Run(t, apitest.NewTarget(t, server.URL, &token.UserService{Store: kit.Store, Now: time.Now}))
			})
		}
	}
}
