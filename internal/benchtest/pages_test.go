package benchtest_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// pagesTable measures how long pages, searches and creates take for users with few and
// many tokens, with one caller.
func (b *bench) pagesTable(t testing.TB) []string {
	kit := dynamotest.New(t)
	table := []string{"| tokens | operation | p50, ms | p99, ms |", "|---|---|---|---|"}
	const create = `{"name":"production-app","unlimited_quota":true}`
	var counter atomic.Int64
	serve := b.serve(t, kit.Endpoint, nil, "serve")
	for _, tokens := range []int64{10, 1_000, 100_000} {
		tenant, keys := fill(t, kit, fmt.Sprint("has-", tokens), min(tokens, b.mostTokens))
		c := &caller{newClient(t), serve.url, &world{kit: kit, tenant: tenant, keys: keys}}
		for _, o := range []struct{ name, method, path, body string }{
			{"first page", "GET", "/api/token/", ""},
			{"middle page", "GET", fmt.Sprint("/api/token/?p=", max(c.lastPage()/2, 1)), ""},
			{"last page", "GET", fmt.Sprint("/api/token/?p=", c.lastPage()), ""},
			{"search", "GET", "/api/token/search?keyword=production", ""},
			{"create", "POST", "/api/token", create},
		} {
			s := &series{name: fmt.Sprintf("Pages/tokens=%d/%s", tokens, strings.ReplaceAll(o.name, " ", "_"))}
			for range b.rounds {
				s.round(t, 1, b.lasts, &counter, func(int64) error { return c.user(o.method, o.path, o.body) })
			}
			b.raw = append(b.raw, s.raw()...)
			table = append(table, fmt.Sprintf("| %d | %s | %.2f | %.2f |", tokens, o.name, s.quantile(0.5), s.quantile(0.99)))
		}
	}
	return table
}
