package dynamo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A database that can't be reached is reported as unavailable within seconds.
func TestUnreachableDatabase(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{"silent": listener.Addr().String(), "closed": closed.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := dynamo.New(dynamotest.ProductClient("http://"+address), dynamotest.Table)
			tenant, _ := simulatedTenant()
			tenant = tenant.WithStore(store)
			begun := time.Now()
			if err := tenant.Authorize(t.Context(), tenant.Access); !errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrUncertain) {
				t.Errorf("got error %v, want ErrUnavailable and not ErrUncertain", err)
			}
			if took := time.Since(begun); took > 8*time.Second {
				t.Errorf("took %v: want at most 8 s", took)
			}
		})
	}
}

// A request is written at once, header and body together: a second packet costs as much
// as the first, here and in the database.
func TestRequestIsWrittenAtOnce(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	t.Cleanup(server.Close)
	var writes atomic.Int64
	client := dynamotest.ProductClient(server.URL, func(o *dynamodb.Options) {
		o.HTTPClient.(*dynamo.HTTPClient).Client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &countedConn{conn, &writes}, err
		}
	})
	const calls = 5
	for range calls {
		if err := getItem(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
	if got := writes.Load(); got != calls {
		t.Errorf("%d calls took %d writes", calls, got)
	}
}

// A countedConn counts its writes.
type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

// Write implements net.Conn.
func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request body that the SDK closes early does not break the connection, which would
// lose the answer.
func TestBodyOutlivesClose(t *testing.T) {
	t.Parallel()
	const content = `{"TableName":"t"}`
	read, write := io.Pipe()
	go func() { _, _ = io.WriteString(write, content) }() // without an end
	client := dynamo.HTTPClient{Client: http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		_ = read.Close()
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != content {
			t.Errorf("got %q, %v", got, err)
		}
		return &http.Response{Body: http.NoBody}, nil
	})}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine", read)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len(content))
	if _, err := client.Do(r); err != nil { //nolint:bodyclose // it is http.NoBody
		t.Error(err)
	}
}

// The product's client has a Transport of net/http itself, for which a time-out takes no
// goroutine.
func TestClientTransport(t *testing.T) {
	dynamotest.ProductClient("http://engine", func(o *dynamodb.Options) {
		client, ok := o.HTTPClient.(*dynamo.HTTPClient)
		if !ok {
			t.Fatalf("got the client %#v", o.HTTPClient)
		}
		if _, ok := client.Client.Transport.(*http.Transport); !ok || client.Client.Timeout != time.Second {
			t.Errorf("got the transport %T and the time-out %v", client.Client.Transport, client.Client.Timeout)
		}
	})
}
