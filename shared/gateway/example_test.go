package gateway_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/latchkey-api/latchkey/shared/quota"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
)

// A reverse proxy in front of an OpenAI-compatible API checks the caller's key
// and charges the tokens that each response reports.
func ExampleMiddleware() {
	// In production: client := dynamo.NewClient(region, "", credentials)
	client, table, key, stop := dynamotest.ForExample(1000)
	defer stop()

	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`)
	}))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		log.Print(err)
		return
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // pass on each chunk of a stream at once
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Authorization", "Bearer the-key-of-the-upstream-API")
			if grant, ok := gateway.GrantOf(r.In.Context()); ok {
				fmt.Println("user", grant.UserID, "calls", grant.Model)
			}
		},
	}

	g := gate.New(dynamo.New(client, table))
	server := httptest.NewServer(gateway.Middleware(g, proxy, gateway.Options{Log: slog.New(slog.DiscardHandler)}))
	defer server.Close()

	r, err := http.NewRequest(http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o","messages":[]}`)) //nolint:noctx // an example
	if err != nil {
		log.Print(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Print(err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		log.Print(err)
		return
	}
	usage, err := g.Usage(r.Context(), key, quota.Origin{})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("status:", resp.StatusCode, "used:", usage.Used, "available:", usage.Available)
	// Output:
	// user 1 calls gpt-4o
	// status: 200 used: 21 available: 979
}
