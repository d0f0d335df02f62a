package gate_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkHolds compares holds that are remembered after their end, as those of
// HTTP callers, with the gateway's own, which are forgotten. It reports what a
// request costs, a reservation and its settlement together, and how many requests
// a second the local engine serves: 8 at a time, on one key after 200 requests,
// and on 1,000 keys.
func BenchmarkHolds(b *testing.B) {
	for _, keys := range []int{1, 1000} {
		for _, kind := range []struct {
			name    string
			request func(ctx context.Context, g *gate.Gate, key string) error
		}{{"remembered", remembered}, {"forgotten", forgotten}} {
			b.Run(map[int]string{1: "one_key/", 1000: "1000_keys/"}[keys]+kind.name, func(b *testing.B) {
				for b.Loop() {
					measureHolds(b, keys, kind.request)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func remembered(ctx context.Context, g *gate.Gate, key string) error {
	r, err := g.Reserve(ctx, key, quota.Question{Quota: 2000}, 0)
	if err == nil {
		_, err = g.Settle(ctx, key, r.RequestID, 1234, price.Use{})
	}
	return err
}

func forgotten(ctx context.Context, g *gate.Gate, key string) error {
	h, _, err := g.Hold(ctx, key, quota.Question{Quota: 2000}, 0)
	if err == nil {
		_, err = h.Settle(ctx, 1234, price.Use{})
	}
	return err
}

func measureHolds(b *testing.B, keys int, request func(context.Context, *gate.Gate, string) error) {
	b.Helper()
	const warmUp, requests, clients = 200, 1000, 8
	kit := dynamotest.New(b)
	tenant := kit.Tenant(b, "tenant")
	newToken(b, tenant, token.Settings{RemainQuota: new(int64(1_000_000_000))})
	all := kit.CopyFirstToken(b, tenant, int64(keys))
	g := gate.New(kit.Store)
	run := func(ctx context.Context, n int64) {
		var next atomic.Int64
		var wait sync.WaitGroup
		for range clients {
			wait.Go(func() {
				for i := next.Add(1); i <= n; i = next.Add(1) {
					err := quota.ErrContention
					for errors.Is(err, quota.ErrContention) { // a busy key with many records
						err = request(ctx, g, all[i%int64(keys)].Reveal())
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		wait.Wait()
	}
	run(b.Context(), warmUp)
	ctx, meter := reqlog.WithMeter(b.Context())
	started := time.Now()
	run(ctx, requests)
	b.ReportMetric(requests/time.Since(started).Seconds(), "requests/s")
	b.ReportMetric(meter.Cost().WriteUnits/requests, "WRU/request")
	b.ReportMetric(float64(meter.Cost().RoundTrips)/requests, "round-trips/request")
}
