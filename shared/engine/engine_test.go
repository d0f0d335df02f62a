package engine_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/engine"
)

func start(t *testing.T, file string) *engine.Engine {
	t.Helper()
	e, err := engine.Start(t.Context(), engine.Path(dynamotest.Root(t)), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return e
}

func answers(t *testing.T, e *engine.Engine) bool {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(e.Endpoint, "http://"))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func TestStopEndsTheEngine(t *testing.T) {
	e := start(t, filepath.Join(t.TempDir(), "engine.db"))
	if !answers(t, e) {
		t.Fatal("a started engine takes no connection")
	}
	e.Stop()
	e.Stop() // a second time does nothing
	if answers(t, e) {
		t.Error("a stopped engine takes connections")
	}
}

func TestMissingBinaryIsSaid(t *testing.T) {
	if _, err := engine.Start(t.Context(), filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, engine.ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
}

// An engine that fails says why, and is not waited for.
func TestFailingEngineIsQuoted(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no such disk >&2\nexit 3\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	_, err := engine.Start(t.Context(), broken, "")
	if err == nil || !strings.HasSuffix(err.Error(), "ended at once: no such disk") {
		t.Errorf("got %v, want the engine's own words", err)
	}
}

func TestEndOfTheEngineIsNoticed(t *testing.T) {
	sleeper := filepath.Join(t.TempDir(), "engine")
	// An engine that takes connections for a moment and then ends.
	script := "#!/bin/sh\n\"" + engine.Path(dynamotest.Root(t)) + "\" \"$@\" & sleep 0.3; kill $!\n"
	if err := os.WriteFile(sleeper, []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	e, err := engine.Start(t.Context(), sleeper, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	select {
	case <-e.Exited():
	case <-time.After(5 * time.Second):
		t.Error("the end of the engine was not noticed")
	}
}
