package boot_test

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// BenchmarkFirstEvent measures the first event of a function that reads the table
// over TLS: with the connection that the function opened while it started, and
// with that connection closed, so that the event has to wait for a new one. Both
// are measured by turns. It is all on this machine, so the round trips of the
// handshake take no time, only its computation does.
//
//	go test -run '^$' -bench FirstEvent -benchtime 50x ./shared/boot
func BenchmarkFirstEvent(b *testing.B) {
	binary := filepath.Join(lambdatest.Build(b, dynamotest.Root(b), runtime.GOARCH, functionPackages), "get")
	kit := dynamotest.New(b)
	event := readEvent(b, "get", prepare(b, kit))
	var open, closed []time.Duration
	for b.Loop() {
		open = append(open, firstEvent(b, binary, newTLSEngine(b, kit, false), event))
		closed = append(closed, firstEvent(b, binary, newTLSEngine(b, kit, true), event))
	}
	for name, took := range map[string][]time.Duration{"open-p50-ms": open, "closed-p50-ms": closed} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name)
	}
}

// firstEvent starts a function, waits until it has started, and returns how long
// its first event takes.
func firstEvent(b *testing.B, binary string, engine *tlsEngine, event []byte) time.Duration {
	b.Helper()
	defer engine.Close()
	f := lambdatest.Start(b, binary, "TABLE_NAME="+dynamotest.Table, "AWS_REGION=us-east-1", "DYNAMODB_ENDPOINT="+engine.URL, "SSL_CERT_FILE="+engine.roots)
	defer f.Stop()
	<-engine.started
	time.Sleep(50 * time.Millisecond) // until it asks for an event
	begun := time.Now()
	answer, err := f.Invoke(b.Context(), event)
	took := time.Since(begun)
	if err != nil || !bytes.Contains(answer, []byte(`"statusCode":200`)) {
		b.Fatalf("got %s, %v, want 200", answer, err)
	}
	return took
}

// A tlsEngine is an engine behind a proxy that speaks TLS.
type tlsEngine struct {
	*httptest.Server
	roots   string        // file with the certificates of authorities to trust
	started chan struct{} // receives a value when a function has opened its connection
}

// newTLSEngine starts a proxy in front of an engine. If closes is set, it closes the
// connection that a function opens while it starts.
func newTLSEngine(b *testing.B, kit *dynamotest.Kit, closes bool) *tlsEngine {
	b.Helper()
	target, err := url.Parse(kit.Endpoint)
	if err != nil {
		b.Fatal(err)
	}
	e := &tlsEngine{started: make(chan struct{}, 10), roots: filepath.Join(b.TempDir(), "roots.pem")}
	proxy := httputil.NewSingleHostReverseProxy(target)
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") != "" {
			proxy.ServeHTTP(w, r)
			return
		}
		if closes {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(http.StatusNotFound)
		e.started <- struct{}{}
	}))
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	if authorities, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt"); err == nil {
		roots = append(authorities, roots...) // in Lambda, a function reads as many
	}
	if err := os.WriteFile(e.roots, roots, 0o600); err != nil { //nolint:gosec // a test's own file
		b.Fatal(err)
	}
	return e
}
