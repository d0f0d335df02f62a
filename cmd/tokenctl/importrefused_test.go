package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/wire"
)

func TestAListThatIsLongBeforeRepetitionsAreTakenOutIsImported(t *testing.T) {
	_, u, env := caller(t)
	file := written(t, "long.json", `[{"name":"a","remain_quota":1,"models":[`+strings.Repeat(`"gpt-4o",`, 20_000)+`"m"]}]`)
	succeed(t, env, "token", "import", file)
	if made, err := u.Get(t.Context(), 1); err != nil || made.ModelLimits != "gpt-4o,m" {
		t.Errorf("got %q, %v", made.ModelLimits, err)
	}
}

// TestABatchThatCanNeverBeReadIsNoDoubt: the next run sends it as a new one.
func TestABatchThatCanNeverBeReadIsNoDoubt(t *testing.T) {
	target, u, env := caller(t)
	upstream, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }}
	codes := []wire.Code{wire.ErrBodyTooLarge, wire.ErrInvalidJSON, wire.ErrUnknownField, wire.ErrUnsupportedMedia}
	var keys sync.Map // of idempotency
	var asked atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys.Store(r.Header.Get("Idempotency-Key"), true)
		n := int(asked.Add(1))
		if n > len(codes) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, asText(wire.Envelope[any]{Code: codes[n-1], Message: "No.", RequestID: "r"}))
	}))
	defer front.Close()
	env[0] = "LATCHKEY_URL=" + front.URL
	file := exported(t, 1)
	for range codes {
		refuse(t, tokenctl(t, env, "token", "import", file), "no; nothing was imported that is known of, and the same command goes on and makes nothing twice.")
	}
	succeed(t, env, "token", "import", file)
	imported(t, u, file+".keys.csv", 1)
	sent := 0
	keys.Range(func(any, any) bool { sent++; return true })
	if sent != len(codes)+1 {
		t.Errorf("%d idempotency keys were sent, want %d", sent, len(codes)+1)
	}
}
