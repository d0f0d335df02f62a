package boot_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/api"
)

// After a handler that panics or writes nothing, the process answers 500 and goes
// on to the next event.
func TestProcessAfterPanic(t *testing.T) {
	t.Parallel()
	built := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./shared/boot/testdata/panicker")
	f := lambdatest.Start(t, filepath.Join(built, "panicker"))
	for _, tt := range []struct {
		path string
		want int
	}{{"/", 200}, {"/panic", 500}, {"/no_answer", 500}, {"/", 200}} {
		answer, err := f.Invoke(t.Context(), payload(t, request("GET", tt.path)))
		if err != nil {
			t.Fatalf("%s: got error %v, want an answer", tt.path, err)
		}
		if got := checkEnvelope(t, answer).StatusCode; got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.path, got, tt.want)
		}
	}
	f.Stop()
	if got := logLines(t, f); len(got) != 2 || got[0].Level != "ERROR" || got[0].Status != 500 {
		t.Errorf("got log %+v, want one error line for each 500", got)
	}
}

// maxBinary is the largest allowed size of a function on arm64, in bytes. A
// larger binary starts more slowly.
const maxBinary = 9_000_000

// maxFallback is that of the function fallback. It contains every route, and gets only
// requests whose path API Gateway matches to no other function.
const maxFallback = 9_500_000

// maxHistory is that of the function history. It also contains the clients of
// EventBridge, Scheduler and SQS, and nobody waits for it.
const maxHistory = 9_500_000

// maxGateway is that of the function gateway. It also contains the middleware and
// the clients of the upstream and of Parameter Store, and its answers take seconds.
const maxGateway = 11_000_000

// The binary of every function is at most maxBinary bytes.
func TestBinarySize(t *testing.T) {
	t.Parallel()
	built := lambdatest.Build(t, dynamotest.Root(t), "arm64", functionPackages)
	entries, err := os.ReadDir(built)
	if err != nil || len(entries) == 0 {
		t.Fatalf("got no binaries (%v), want at least one", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		most := int64(maxBinary)
		switch entry.Name() {
		case api.ModelGateway:
			most = maxGateway
		case api.Fallback:
			most = maxFallback
		case api.History:
			most = maxHistory
		}
		if info.Size() > most {
			t.Errorf("%s: got %d bytes, want at most %d", entry.Name(), info.Size(), most)
		}
		t.Logf("%s: %d bytes", entry.Name(), info.Size())
	}
}
