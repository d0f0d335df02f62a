package benchtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An operation is what a caller does at a time: one request, or several in a row.
type operation struct {
	name string
	do   func(c *caller, n int64) error // n is another number in each call
}

// createForMany is create, except that no two creates at the same time are for one user.
const createForMany = "create, for many users"

// A caller sends requests to a server.
type caller struct {
	client *http.Client
	url    string
	w      *world
}

// A world is users in an engine's table: one that has tokens, one whose tokens are
// deleted, and some that get their first.
type world struct {
	kit             *dynamotest.Kit
	tenant, deleter *dynamotest.Tenant
	keys            []string
	newest          atomic.Int64 // of the deleter
	creators        []*dynamotest.Tenant
}

func newWorld(t testing.TB, kit *dynamotest.Kit, name string, tokens, deleted int64, creators int) *world {
	t.Helper()
	w := &world{kit: kit}
	w.tenant, w.keys = fill(t, kit, name, tokens)
	w.deleter, _ = fill(t, kit, name+"-deleter", deleted)
	w.newest.Store(deleted)
	for i := range creators {
		w.creators = append(w.creators, kit.Tenant(t, fmt.Sprint(name, "-creator-", i)))
	}
	return w
}

// fill makes a user with tokens and returns the keys.
func fill(t testing.TB, kit *dynamotest.Kit, name string, tokens int64) (*dynamotest.Tenant, []string) {
	t.Helper()
	tenant := kit.Tenant(t, name)
	_, first, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("production-app"), RemainQuota: new(int64(1_000_000_000)), Models: []string{"gpt-4o", "claude-3-5-sonnet"}})
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{first.Reveal()}
	for _, key := range kit.CopyFirstToken(t, tenant, tokens-1) {
		keys = append(keys, key.Reveal())
	}
	return tenant, keys
}

// send sends a request, which must be answered with a success.
func (c *caller) send(method, path, credential, body string) error {
	r, err := http.NewRequestWithContext(context.Background(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := finish(c.client.Do(r))
	if err == nil {
		want := http.StatusOK
		if status == http.StatusCreated {
			want = status
		}
		err = checkStatus(status, want, answer)
	}
	if err == nil && strings.HasSuffix(path, "/verify") {
		var verdict struct{ Data struct{ Valid bool } }
		if json.Unmarshal(answer, &verdict) != nil || !verdict.Data.Valid {
			err = fmt.Errorf("%s: got %s, want a valid key", path, answer)
		}
	}
	return err
}

// user sends a request of the user, key one with a key.
func (c *caller) user(method, path, body string) error {
	return c.send(method, path, c.w.tenant.Access.Reveal(), body)
}

func (c *caller) key(n int64, path, body string) error {
	return c.send(http.MethodPost, path, c.w.keys[n%int64(len(c.w.keys))], body)
}

func (c *caller) id(n int64) int64 { return 1 + n%int64(len(c.w.keys)) }

func operations() []operation {
	const settings = `{"name":"production-app","remain_quota":100000,"expired_time":4102444800,"model_limits_enabled":true,"model_limits":"gpt-4o,claude-3-5-sonnet"}`
	return []operation{
		{"get", func(c *caller, n int64) error { return c.user("GET", fmt.Sprint("/api/token/", c.id(n)), "") }},
		{"list the newest 10", func(c *caller, _ int64) error { return c.user("GET", "/api/token/", "") }},
		{"last page", func(c *caller, _ int64) error { return c.user("GET", fmt.Sprint("/api/token/?p=", c.lastPage()), "") }},
		{"search", func(c *caller, _ int64) error { return c.user("GET", "/api/token/search?keyword=production", "") }},
		{"check", func(c *caller, n int64) error { return c.key(n, "/api/token/verify", `{"model":"gpt-4o"}`) }},
		{"spend", func(c *caller, n int64) error {
			return c.key(n, "/api/token/verify", `{"quota":1,"model":"gpt-4o"}`)
		}},
		{"reserve and settle", func(c *caller, n int64) error {
			if err := c.key(n, "/api/token/reserve", fmt.Sprintf(`{"quota":9,"model":"gpt-4o","request_id":"hold-of-the-benchmark-%d"}`, n)); err != nil {
				return err
			}
			return c.key(n, "/api/token/settle", fmt.Sprintf(`{"quota":4,"request_id":"hold-of-the-benchmark-%d"}`, n))
		}},
		{"update", func(c *caller, n int64) error {
			return c.user("PUT", "/api/token", fmt.Sprintf(`{"id":%d,"name":"renamed %d"}`, c.id(n), n))
		}},
		{"delete", func(c *caller, _ int64) error {
			return c.send("DELETE", fmt.Sprint("/api/token/", c.w.newest.Add(-1)+1), c.w.deleter.Access.Reveal(), "")
		}},
		{createForMany, func(c *caller, n int64) error {
			return c.send("POST", "/api/token", c.w.creators[n%int64(len(c.w.creators))].Access.Reveal(), settings)
		}},
		{"create", func(c *caller, _ int64) error { return c.user("POST", "/api/token", settings) }},
	}
}

func (c *caller) lastPage() int { return (len(c.w.keys) + 9) / 10 }

// requests measures requests through `tokenctl serve`, and by turns the same calls of
// DynamoDB without it.
func (b *bench) requests(t testing.TB) []string {
	kit := dynamotest.New(t)
	w := newWorld(t, kit, "bench", b.tokens, b.deleted, b.warmUps+b.samples)
	recorded := newWorld(t, kit, "recorded", b.tokens, int64(b.warmUps+b.samples), b.warmUps+b.samples)
	serve := b.serve(t, kit.Endpoint, nil, "serve")
	c := &caller{newClient(t), serve.url, w}
	// The first use of a key in an hour is written down.
	for i := range b.tokens {
		err := errors.Join(c.key(i, "/api/token/verify", "{}"), (&caller{c.client, serve.url, recorded}).key(i, "/api/token/verify", "{}"))
		if err != nil {
			t.Fatal(err)
		}
	}
	table := []string{
		"| operation | callers | requests a second | ± % | p50, ms | p99, ms | 503, % | engine alone, a second | ± % | of the engine's rate | generator's CPU, % |",
		"|---|---|---|---|---|---|---|---|---|---|---|",
	}
	var counter atomic.Int64
	var calls *recording
	for _, o := range operations() {
		if o.name != "create" { // its calls are those of createForMany, without waiting for one another
			calls = b.record(t, recorded, o)
		}
		for _, callers := range []int{1, 8, 64} {
			name := fmt.Sprintf("%s/callers=%d", strings.ReplaceAll(o.name, " ", "_"), callers)
			ours, engine := &series{name: "Serve/" + name}, &series{name: "Engine/" + name}
			for range b.rounds {
				ours.round(t, callers, b.lasts, &counter, func(n int64) error { return o.do(c, n) })
				calls.before.restore(t)
				engine.round(t, callers, b.lasts, new(atomic.Int64), func(n int64) error { return calls.replay(t.Context(), kit.Endpoint, n) })
			}
			rate, spread := ours.rate()
			alone, alonesSpread := engine.rate()
			table = append(table, fmt.Sprintf("| %s | %d | %.0f | %.0f | %.2f | %.2f | %.1f | %.0f | %.0f | %.2f | %.0f |", o.name, callers, rate, spread,
				ours.quantile(0.5), ours.quantile(0.99), ours.refusals(), alone, alonesSpread, rate/alone, 100*max(ours.share, engine.share)))
			b.raw = append(append(b.raw, ours.raw()...), engine.raw()...)
		}
	}
	return table
}
