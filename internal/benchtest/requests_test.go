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

// A caller sends requests to a server.
type caller struct {
	client *http.Client
	url    string
	w      *world
}

// A world is an engine with a user that has tokens, and another whose tokens are
// deleted.
type world struct {
	kit             *dynamotest.Kit
	tenant, deleter *dynamotest.Tenant
	keys            []string
	newest          atomic.Int64 // of the deleter
}

func newWorld(t testing.TB, tokens, deleted int64) *world {
	t.Helper()
	w := &world{kit: dynamotest.New(t)}
	w.tenant, w.keys = fill(t, w.kit, "bench", tokens)
	w.deleter, _ = fill(t, w.kit, "deleter", deleted)
	w.newest.Store(deleted)
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
		{"create", func(c *caller, _ int64) error { return c.user("POST", "/api/token", settings) }},
	}
}

func (c *caller) lastPage() int { return (len(c.w.keys) + 9) / 10 }

// requests measures requests through `tokenctl serve`, and by turns the same calls of
// DynamoDB without it.
func (b *bench) requests(t testing.TB) []string {
	w := newWorld(t, b.tokens, b.deleted)
	serve := b.serve(t, w.kit.Endpoint, nil, "serve")
	c := &caller{newClient(t), serve.url, w}
	table := []string{
		"| operation | callers | requests a second | ± % | p50, ms | p99, ms | 503, % | engine alone, a second | ± % | of the engine's rate | generator's CPU, % |",
		"|---|---|---|---|---|---|---|---|---|---|---|",
	}
	var counter atomic.Int64
	for _, o := range operations() {
		recorded := b.record(t, w, o, &counter)
		for _, callers := range []int{1, 8, 64} {
			name := fmt.Sprintf("%s/callers=%d", strings.ReplaceAll(o.name, " ", "_"), callers)
			ours, engine := &series{name: "Serve/" + name}, &series{name: "Engine/" + name}
			var refused atomic.Int64
			for range b.rounds {
				ours.round(t, callers, b.lasts, &counter, func(n int64) error { return o.do(c, n) })
				engine.round(t, callers, b.lasts, &counter, func(n int64) error {
					accepted, err := replay(context.Background(), c.client, w.kit.Endpoint, recorded[n%int64(len(recorded))])
					if !accepted {
						refused.Add(1)
					}
					return err
				})
			}
			rate, spread := ours.rate()
			row := fmt.Sprintf("| %s | %d | %.0f | %.0f | %.2f | %.2f | %.1f |", o.name, callers, rate, spread, ours.quantile(0.5), ours.quantile(0.99), ours.refusals())
			b.raw = append(b.raw, ours.raw()...)
			if refused.Load() > 0 {
				row += fmt.Sprintf(" – | – | – | %.0f |", 100*ours.share)
			} else {
				alone, alonesSpread := engine.rate()
				row += fmt.Sprintf(" %.0f | %.0f | %.2f | %.0f |", alone, alonesSpread, rate/alone, 100*max(ours.share, engine.share))
				b.raw = append(b.raw, engine.raw()...)
			}
			table = append(table, row)
		}
	}
	return table
}

// record makes a server send an operation's calls of DynamoDB through a recorder. The
// operation has run before, so that caches are warm. It leaves out the few requests whose
// calls the engine refuses when they are repeated, such as the first use of a key in a
// minute, which is written down.
func (b *bench) record(t testing.TB, w *world, o operation, counter *atomic.Int64) [][]stage {
	t.Helper()
	var all, repeatable [][]stage
	r := newRecorder(t, w.kit.Endpoint)
	s := b.serve(t, r.URL, nil, "serve")
	defer s.stop()
	c := &caller{newClient(t), s.url, w}
	for i := range 2 * b.samples {
		if i >= b.samples {
			r.take()
		}
		if err := o.do(c, counter.Add(1)); err != nil && !errors.Is(err, errBusy) {
			t.Fatal(err)
		}
		if stages := r.take(); i >= b.samples && len(stages) > 0 {
			all = append(all, stages)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: no call of DynamoDB was recorded", o.name)
	}
	for _, stages := range all {
		if accepted, err := replay(t.Context(), c.client, w.kit.Endpoint, stages); err != nil {
			t.Fatal(err)
		} else if accepted {
			repeatable = append(repeatable, stages)
		}
	}
	if len(repeatable) > len(all)/2 {
		return repeatable
	}
	return all
}
