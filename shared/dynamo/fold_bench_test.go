package dynamo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/infra/listprice"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkFold measures what the history of a million requests costs on 200 busy
// keys, by how many requests a batch has of each. A request is a hold and its
// settlement, as the middleware makes them, with one of two models.
func BenchmarkFold(b *testing.B) {
	const keys, requestsPerKey = 200, 20
	kit := dynamotest.New(b)
	if err := dynamo.SetStream(b.Context(), kit.Client, dynamotest.Table, true); err != nil {
		b.Fatal(err)
	}
	tenant := kit.Tenant(b, "busy")
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	ctx, meter := reqlog.WithMeter(b.Context())
	var all []string
	for i := range keys {
		_, key, err := tenant.Create(b.Context(), tenant.Access, token.Settings{Name: new(fmt.Sprint("key ", i)), UnlimitedQuota: new(true)})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, key.Reveal())
	}
	for n := range requestsPerKey {
		for _, key := range all {
			model := []string{"gpt-5-mini", "claude-sonnet-4-5"}[n%2]
			h, _, err := g.Hold(ctx, key, quota.Question{Model: model, Quota: 2000}, 0)
			if err == nil {
				_, err = h.Settle(ctx, 1234, price.Use{Model: model, Usage: price.Usage{InputTokens: 912, OutputTokens: 322, CacheReadTokens: 512}, NanoDollars: 2_468_000})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	requests := meter.Cost()
	records, err := stream.New(kit.Client, dynamotest.Table).Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	const million = 1e6 / (keys * requestsPerKey)
	for _, perKey := range []int{1, 5, 20} {
		b.Run(fmt.Sprintf("requests_per_key_and_batch=%d", perKey), func(b *testing.B) {
			for b.Loop() {
				table := fmt.Sprintf("latchkey-%d-%d", perKey, time.Now().UnixNano())
				if err := dynamo.CreateTable(b.Context(), kit.Client, table); err != nil {
					b.Fatal(err)
				}
				ctx, meter := reqlog.WithMeter(b.Context())
				store := dynamo.New(kit.Client, table)
				size := 2 * keys * perKey
				for from := 0; from < len(records); from += size {
					if _, err := store.Fold(ctx, records[from:min(from+size, len(records))], 0); err != nil {
						b.Fatal(err)
					}
				}
				cost := meter.Cost()
				b.ReportMetric(requests.WriteUnits*million, "request-WRU/million")
				b.ReportMetric(cost.WriteUnits*million, "WRU/million")
				b.ReportMetric(cost.ReadUnits*million, "RRU/million")
				b.ReportMetric(listprice.OfUnits(cost.ReadUnits, cost.WriteUnits)*million, "dollars/million")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
