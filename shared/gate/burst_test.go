package gate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkBurst reports how many round trips a reservation and its settlement
// take together, when many requests for one new token arrive at the same time.
func BenchmarkBurst(b *testing.B) {
	for _, n := range []int{1, 8, quota.MaxOpenHolds, 4 * quota.MaxOpenHolds} {
		b.Run(fmt.Sprint(n, "_requests"), func(b *testing.B) {
			for b.Loop() {
				l := newLeaseKit(b, token.Settings{UnlimitedQuota: new(true)})
				g := l.gate()
				ctx, meter := reqlog.WithMeter(b.Context())
				var all sync.WaitGroup
				for client := range min(n, quota.MaxOpenHolds) {
					all.Go(func() {
						for id := client; id < n; id += quota.MaxOpenHolds {
							reserveAndSettle(ctx, b, g, l.key, fullID(fmt.Sprint(id)))
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(meter.Cost().RoundTrips)/float64(n), "round-trips/request")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func reserveAndSettle(ctx context.Context, b *testing.B, g *gate.Gate, key, id string) {
	b.Helper()
	if r, err := g.Reserve(ctx, key, quota.Question{Quota: 9, RequestID: id}, 0); err != nil || !r.Valid() {
		b.Errorf("reserve: got %q, %v", r.Refusal, err)
	}
	if _, err := g.Settle(ctx, key, id, 4, price.Use{}); err != nil {
		b.Errorf("settle: got %v", err)
	}
}
