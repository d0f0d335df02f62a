package faultstest_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// If the table accepts connections and never answers, or accepts none, every operation
// is answered with 503 within the time limit, and changes nothing.
func TestHungEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hung, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close() //nolint:errcheck // nothing was written
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, l := range map[string]net.Listener{"hung": hung, "refused": closed} {
		t.Run(name, func(t *testing.T) {
			u := w.user(t, name, true)
			before := u.state()
			var all sync.WaitGroup
			for _, o := range operations() {
				url := w.serve(t, dynamotest.ProductClient("http://"+l.Addr().String()), time.Now)
				all.Go(func() {
					a, err := o.request(u).send(url)
					f := decodeFailure(a)
					if err != nil || a.took > timeBudget || a.status != http.StatusServiceUnavailable || f.Code != wire.ErrUnavailable {
						t.Errorf("%s: %d %s after %v, %v", o.name(), a.status, masked(a.body), a.took, err)
					}
					if name == "refused" && strings.Contains(f.Message, "may or may not") {
						t.Errorf("%s: the answer is %q, and nothing was changed", o.name(), f.Message)
					}
				})
			}
			all.Wait()
			if state := u.state(); state != before {
				t.Errorf("the state differs: %s", diff(state, before))
			}
		})
	}
}
