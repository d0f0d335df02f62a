package dynamo_test

import (
	"errors"
	"net"
	"testing"
	"time"

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
