package dynamo_test

import (
	"fmt"
	"testing"

	"github.com/latchkey-api/latchkey/infra/listprice"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkTimers measures what it costs to publish the expiries of a million tokens,
// without publishing and schedules: their timers and their checks. Either 200
// tokens expire in each bucket, or one.
func BenchmarkTimers(b *testing.B) {
	const tokens = 200
	for _, apart := range []int64{0, 300} {
		b.Run(fmt.Sprintf("seconds_apart=%d", apart), func(b *testing.B) {
			kit := dynamotest.New(b)
			if err := dynamo.SetStream(b.Context(), kit.Client, dynamotest.Table, true); err != nil {
				b.Fatal(err)
			}
			tenant := kit.Tenant(b, "alice")
			for i := range int64(tokens) {
				expires := tenant.UnixNow() + 30*day + i*apart
				if _, _, err := tenant.Create(b.Context(), tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true), ExpiredTime: &expires}); err != nil {
					b.Fatal(err)
				}
			}
			records, err := stream.New(kit.Client, dynamotest.Table).Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for i := range records {
				records[i].Time = tenant.Clock.Now()
			}
			for b.Loop() {
				ctx, meter := reqlog.WithMeter(b.Context())
				filed, err := kit.Store.FileTimers(ctx, records, tenant.UnixNow())
				if err != nil {
					b.Fatal(err)
				}
				events := 0
				for _, bucket := range filed.Buckets {
					checked, err := kit.Store.CheckTimers(ctx, bucket, "", bucket.Due().Unix())
					if err != nil {
						b.Fatal(err)
					}
					events += len(checked.Events)
				}
				if events != 3*tokens {
					b.Fatalf("got %d events, want three of each token", events)
				}
				cost, million := meter.Cost(), 1e6/float64(tokens)
				b.ReportMetric(cost.WriteUnits*million, "WRU/million")
				b.ReportMetric(cost.ReadUnits*million, "RRU/million")
				b.ReportMetric(listprice.OfUnits(cost.ReadUnits, cost.WriteUnits)*million, "dollars/million")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
