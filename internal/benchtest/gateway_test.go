package benchtest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// gateway measures `tokenctl proxy` beside direct calls of the same upstream.
func (b *bench) gateway(t testing.TB) []string {
	kit := dynamotest.New(t)
	tenant, keys := fill(t, kit, "gateway", b.tokens)
	upstream := modelstest.New()
	t.Cleanup(upstream.Close)
	proxy := b.serve(t, kit.Endpoint, []string{"UPSTREAM_API_KEY=" + modelstest.Key}, "proxy", "--upstream", upstream.URL)
	client := newClient(t)
	var counter atomic.Int64
	table := []string{"| figure | value |", "|---|---|"}
	add := func(format string, args ...any) { table = append(table, fmt.Sprintf(format, args...)) }
	for _, callers := range []int{1, 64} {
		direct, through := &series{name: fmt.Sprint("Upstream/direct/callers=", callers)}, &series{name: fmt.Sprint("Gateway/chat/callers=", callers)}
		for range b.rounds {
			direct.round(t, callers, b.lasts, &counter, func(int64) error { return chat(client, upstream.DirectURL, modelstest.Key, http.StatusOK) })
			through.round(t, callers, b.lasts, &counter, func(n int64) error {
				return chat(client, proxy.url, keys[n%int64(len(keys))], http.StatusOK)
			})
			upstream.Take()
		}
		b.raw = append(append(b.raw, direct.raw()...), through.raw()...)
		rate, spread := through.rate()
		add("| added latency, p50, %d at a time | %.2f ms |", callers, through.quantile(0.5)-direct.quantile(0.5))
		add("| added latency, p99, %d at a time | %.2f ms |", callers, through.quantile(0.99)-direct.quantile(0.99))
		add("| requests a second, %d at a time | %.0f ± %.0f %% |", callers, rate, spread)
		add("| refused with 503 or 429, %d at a time | %.1f %% |", callers, through.refusals())
		add("| CPU of the generator and the upstream, %d at a time | %.0f %% |", callers, 100*through.share)
	}
	known, err := credential.ParseKey(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	beginning, last := keys[0][:len(keys[0])-1], "0"
	if keys[0] == beginning+last {
		last = "1"
	}
	wrong := map[string]string{
		"wrong checksum": beginning + last,
		"wrong secret":   credential.NewKey(tenant.Access.UserID, known.TokenID).Reveal(),
		"unknown":        credential.NewKey(999_999, 1).Reveal(),
	}
	for _, name := range []string{"wrong checksum", "wrong secret", "unknown"} {
		refused := &series{name: "Gateway/refused/" + strings.ReplaceAll(name, " ", "_")}
		for range b.rounds {
			refused.round(t, 8, b.lasts, &counter, func(int64) error { return chat(client, proxy.url, wrong[name], http.StatusUnauthorized) })
		}
		b.raw = append(b.raw, refused.raw()...)
		rate, spread := refused.rate()
		add("| keys refused a second, %s, 8 at a time | %.0f ± %.0f %% |", name, rate, spread)
	}
	return append(table, b.streams(t, proxy, keys)...)
}

// chat sends a chat completion, which must be answered with a status.
func chat(client *http.Client, url, key string, want int) error {
	status, body, err := finish(post(client, url, key, `{"model":"gpt-4o","max_tokens":16,"messages":[{"role":"user","content":"Hello"}]}`))
	if err == nil {
		err = checkStatus(status, want, body)
	}
	return err
}

func post(client *http.Client, url, key, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body)) //nolint:gosec // a server of the test, or the one that the operator named
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	return client.Do(r) //nolint:gosec // as above
}
