package boot_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// A countedEngine is an engine behind a proxy that counts.
type countedEngine struct {
	*httptest.Server
	connections, calls atomic.Int64
	pings              chan struct{} // one for each request that is not a call
}

func newCountedEngine(t *testing.T, endpoint string) *countedEngine {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	e := &countedEngine{pings: make(chan struct{}, 100)}
	proxy := httputil.NewSingleHostReverseProxy(target)
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "" {
			w.WriteHeader(http.StatusNotFound) // any answer will do
			e.pings <- struct{}{}
			return
		}
		e.calls.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	e.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			e.connections.Add(1)
		}
	}
	e.Start()
	t.Cleanup(e.Close)
	return e
}

// connectsBeforeTheFirstEvent checks that a function opens its connection to
// DynamoDB before it gets an event, and that the event needs no other, and no
// further call.
func connectsBeforeTheFirstEvent(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	engine := newCountedEngine(t, kit.Endpoint)
	f := lambdatest.Start(t, binary, append(environment(kit), "DYNAMODB_ENDPOINT="+engine.URL)...)
	select {
	case <-engine.pings:
	case <-time.After(time.Minute):
		t.Fatal("the function has opened no connection without an event")
	}
	for i := range int64(2) {
		if _, err := f.Invoke(t.Context(), readEvent(t, "get", s)); err != nil {
			t.Fatal(err)
		}
		if connections, calls := engine.connections.Load(), engine.calls.Load(); connections != 1 || calls != i+1 {
			t.Errorf("got %d connections and %d calls after event %d, want 1 connection and a call for each", connections, calls, i+1)
		}
	}
	if len(engine.pings) > 0 {
		t.Errorf("got %d more requests that are no calls, want none", len(engine.pings))
	}
}

// A store that can't connect within a second returns, and the next call tries again.
func TestConnectFails(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	creds := credentials.NewStaticCredentialsProvider("id", "secret", "")
	for _, endpoint := range []string{"http://" + silent.Addr().String(), "http://127.0.0.1:1", "://"} {
		begun := time.Now()
		dynamo.New(dynamo.NewClient("us-east-1", endpoint, creds), dynamotest.Table).Connect(t.Context())
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("%s: took %v, want a second at most", endpoint, took)
		}
	}
}
