package dynamo_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// The first call uses the connection that Connect has opened.
func TestConnect(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(strings.Repeat("healthy ", 10_000)))
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	engine.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	engine.Start()
	t.Cleanup(engine.Close)
	store := dynamo.New(dynamotest.ProductClient(engine.URL), dynamotest.Table)
	store.Connect(t.Context())
	if got := connections.Load(); got != 1 {
		t.Fatalf("got %d connections, want 1", got)
	}
	if _, err := store.Prices(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections after a call, want 1", got)
	}
}

// In AWS, Connect asks the endpoint that calls go to.
func TestConnectToAWS(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-central-1": "https://dynamodb.eu-central-1.amazonaws.com",
		"cn-north-1":   "https://dynamodb.cn-north-1.amazonaws.com.cn",
	} {
		var hosts []string
		client := dynamo.NewClient(region, "", credentials.NewStaticCredentialsProvider("id", "secret", ""), func(o *dynamodb.Options) {
			o.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				hosts = append(hosts, r.URL.Scheme+"://"+r.URL.Host)
				return nil, net.ErrClosed
			})}
			o.RetryMaxAttempts = 1
		})
		store := dynamo.New(client, dynamotest.Table)
		store.Connect(t.Context())
		_, _ = store.Prices(t.Context()) // fails
		if len(hosts) < 2 || hosts[0] != want || hosts[1] != want {
			t.Errorf("got requests to %q, want them to %s", hosts, want)
		}
	}
}
