package benchtest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// leases measures spends of one key in a Go program, by turns with a write for each and
// from leased blocks.
func (b *bench) leases(t testing.TB) []string {
	kit := dynamotest.New(t)
	_, keys := fill(t, kit, "leases", 1)
	store := dynamo.New(dynamotest.ProductClient(kit.Endpoint), dynamotest.Table)
	leased := gate.New(store, gate.WithLeases(1_000))
	gates := []struct {
		name string
		*gate.Gate
	}{{"plain", gate.New(store)}, {"with leases", leased}}
	table := []string{"| spend in Go, one key | callers | spends a second | ± % | p50, ms | p99, ms | unavailable, % |", "|---|---|---|---|---|---|---|"}
	var counter atomic.Int64
	for _, callers := range []int{1, 64} {
		all := make([]*series, len(gates))
		for i, g := range gates {
			all[i] = &series{name: fmt.Sprintf("Spend/%s/callers=%d", strings.ReplaceAll(g.name, " ", "_"), callers)}
		}
		for range b.rounds {
			for i, g := range gates {
				all[i].round(t, callers, b.lasts, &counter, func(int64) error {
					v, err := g.Verify(t.Context(), keys[0], quota.Question{Model: "gpt-4o", Quota: 1})
					switch {
					case errors.Is(err, quota.ErrUnavailable):
						return errBusy
					case err == nil && !v.Valid():
						return fmt.Errorf("got %q, want a valid key", v.Refusal)
					default:
						return err
					}
				})
			}
		}
		for i, s := range all {
			rate, spread := s.rate()
			table = append(table, fmt.Sprintf("| %s | %d | %.0f | %.0f | %.4f | %.4f | %.1f |", gates[i].name, callers, rate, spread, s.quantile(0.5), s.quantile(0.99), s.refusals()))
			b.raw = append(b.raw, s.raw()...)
		}
	}
	if err := leased.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return table
}
