package dynamo_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
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

// A closedBody is a request body of the SDK that was closed: Read reports the
// end, but WriteTo fails with it.
type closedBody struct{}

func (closedBody) Read([]byte) (int, error)         { return 0, io.EOF }
func (closedBody) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }
func (closedBody) Close() error                     { return nil }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request body that the SDK closes early does not break the connection, which
// would lose the answer. net/http looks for the end of a body with io.Copy.
func TestClosedBodyEnds(t *testing.T) {
	transport := dynamo.PlainBodies(roundTripper(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return nil, err
	}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine", closedBody{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.RoundTrip(r); err != nil { //nolint:bodyclose // there is no response
		t.Errorf("got error %v, want the end of the body", err)
	}
}

// The client of the product has that transport.
func TestClientHasPlainBodies(t *testing.T) {
	dynamotest.ProductClient("http://engine", func(o *dynamodb.Options) {
		client, ok := o.HTTPClient.(*http.Client)
		if !ok || reflect.TypeOf(client.Transport) != reflect.TypeOf(dynamo.PlainBodies(nil)) {
			t.Errorf("got the client %#v", o.HTTPClient)
		}
	})
}
