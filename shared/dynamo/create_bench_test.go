package dynamo_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkConcurrentCreates has some callers create tokens of one user at the same
// time. It reports how many of 100 creates are refused with token.ErrContention, and
// units of each that succeeds.
//
//	go test -run '^$' -bench ConcurrentCreates -benchtime 1500x ./shared/dynamo
func BenchmarkConcurrentCreates(b *testing.B) {
	for _, callers := range []int{1, 2, 8, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			kit := dynamotest.New(b)
			tenant := kit.Tenant(b, "busy")
			ctx, meter := reqlog.WithMeter(b.Context())
			var next, refused atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range callers {
				all.Go(func() {
					for next.Add(1) <= int64(b.N) {
						_, _, err := tenant.Create(ctx, tenant.Access, example())
						switch {
						case errors.Is(err, token.ErrContention):
							refused.Add(1)
						case err != nil:
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			cost, made := meter.Cost(), float64(int64(b.N)-refused.Load())
			b.ReportMetric(100*float64(refused.Load())/float64(b.N), "refused-%")
			b.ReportMetric(cost.WriteUnits/made, "WRU/create")
			b.ReportMetric(cost.ReadUnits/made, "RRU/create")
		})
	}
}
