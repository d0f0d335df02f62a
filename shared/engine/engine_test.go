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

// accepts reports whether the engine accepts connections.
func accepts(t *testing.T, e *engine.Engine) bool {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(e.Endpoint, "http://"))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// Stop ends the engine, and a second Stop does nothing.
func TestStop(t *testing.T) {
	e := start(t, filepath.Join(t.TempDir(), "engine.db"))
	if !accepts(t, e) {
		t.Fatal("a started engine does not accept connections")
	}
	e.Stop()
	e.Stop() // a second time does nothing
	if accepts(t, e) {
		t.Error("a stopped engine accepts connections")
	}
}

// A binary that does not exist is ErrMissing.
func TestMissingBinary(t *testing.T) {
	if _, err := engine.Start(t.Context(), filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, engine.ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
}

// If the engine exits at start, Start returns its output at once.
func TestEngineExitsAtStart(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no such disk >&2\nexit 3\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	_, err := engine.Start(t.Context(), broken, "")
	if err == nil || !strings.HasSuffix(err.Error(), "exited at start: no such disk") {
		t.Errorf("got %v, want the output of the engine", err)
	}
}

// The channel of Exited is closed when the engine exits by itself.
func TestExited(t *testing.T) {
	shortLived := filepath.Join(t.TempDir(), "engine")
	// An engine that accepts connections for a moment and then exits.
	script := "#!/bin/sh\n\"" + engine.Path(dynamotest.Root(t)) + "\" \"$@\" & sleep 0.3; kill $!\n"
	if err := os.WriteFile(shortLived, []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	e, err := engine.Start(t.Context(), shortLived, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	select {
	case <-e.Exited():
	case <-time.After(time.Minute):
		t.Error("got no signal, want one when the engine exits")
	}
}
