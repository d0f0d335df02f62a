package dynamotest

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// WantHedge checks that the store that open makes of a table's URL sends a read again
// that is not answered, and then closes the connection on which it waited.
func WantHedge(t *testing.T, open func(url string) *dynamo.Store) {
	t.Helper()
	var reads atomic.Int64
	closed := make(chan struct{})
	const before = 100
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := peek(r)
		if err == nil && len(body) > 0 && reads.Add(1) == before+1 {
			<-r.Context().Done()
			close(closed)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	store := open(server.URL)
	ctx, meter := reqlog.WithMeter(t.Context())
	for range before + 1 {
		if _, err := store.Prices(ctx); err != nil {
			t.Fatal(err)
		}
	}
	<-closed
	if got := meter.Cost().Hedged; got != 1 {
		t.Errorf("%d reads were sent again, want 1", got)
	}
}
