//go:build sam

package samtest_test

import (
	"net"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/suitetest"
)

// deviations returns the sub-tests that fail because sam local start-api differs
// from an HTTP API, with the reason. All of them must fail, and no others may.
func deviations() map[string]string {
	const (
		oneID   = "SAM uses the same request ID for every request"
		slashes = "SAM's web server merges slashes at the start of a path"
		methods = "SAM supports seven methods and answers 403 to others without calling a function"
		head    = "SAM's web server takes HEAD for GET, and SAM then answers 502 without calling a function"
		utf8    = "SAM answers 502 to a body that is not UTF-8; AWS encodes it in Base64"
	)
	return map[string]string{
		"TestContract/Envelope":                          oneID,
		"TestContract/Paths/404/GET//api/token":          slashes,
		"TestContract/Paths/404/POST//api/token":         slashes,
		"TestContract/Paths/404/DELETE//api/token":       slashes,
		"TestContract/Paths/405/BREW/api/token/":         methods,
		"TestContract/Head":                              head,
		"TestContract/HostileBodies/400/UTF-16":          utf8,
		"TestContract/HostileBodies/400/Latin-1":         utf8,
		"TestContract/HostileBodies/400/overlong":        utf8,
		"TestContract/HostileBodies/400/UTF-8_surrogate": utf8,
	}
}

// TestStartAPI checks that sam local start-api passes the suite of the API, apart
// from the deviations.
func TestStartAPI(t *testing.T) {
	p := newProject(t)
	url, log := p.startAPI(t)
	// SAM often delays a response for a second: it waits for a line of the
	// container's log that it sometimes misses.
	results := suitetest.Run(p.ctx, t, suitetest.EnvURL+"="+url, suitetest.EnvEngine+"="+p.Endpoint, suitetest.EnvTable+"="+dynamotest.Table)
	for _, complaint := range suitetest.Unexpected(results, deviations()) {
		t.Error(complaint)
	}
	t.Logf("%d tests of the suite ran, %d deviations", len(results), len(deviations()))
	if t.Failed() {
		t.Logf("output of sam:\n%s", log.Tail())
	}
}

// startAPI runs sam local start-api until the test ends. It returns its URL, once
// it accepts connections, and its output.
func (p *project) startAPI(t *testing.T) (string, *capture.Output) {
	t.Helper()
	const readyWithin, pause = time.Minute, 50 * time.Millisecond
	address := freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	output := new(capture.Output)
	cmd := p.sam("start-api", "--host", host, "--port", port)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is ended on purpose
		close(exited)
	}()
	// The context of the test has ended it. After a second signal it would
	// leave its containers behind.
	t.Cleanup(func() { <-exited })
	for deadline := time.Now().Add(readyWithin); ; {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return "http://" + address, output
		}
		select {
		case <-exited:
			t.Fatalf("sam ended before it was ready:\n%s", output.Tail())
		case <-time.After(pause):
		}
		if time.Now().After(deadline) {
			t.Fatalf("sam is not ready after %v:\n%s", readyWithin, output.Tail())
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its address is needed
	return l.Addr().String()
}
