package gate_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkHotToken sends 5,000 spends a second of one token for some seconds,
// to a table that accepts 1,000 writes of an item a second. It reports the
// percentage that is accepted, that is unavailable with nothing charged, and
// that is uncertain because the response took too long. It also reports how many
// spends were sent, and how many writes were made, in a second.
func BenchmarkHotToken(b *testing.B) {
	for name, options := range map[string][]gate.Option{
		"plain":  nil,
		"leases": {gate.WithLeases(1_000)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				sendToHotToken(b, options)
			}
		})
	}
}

func sendToHotToken(b *testing.B, options []gate.Option) {
	b.Helper()
	const perSecond, seconds, clients = 5_000, 4, 1_000
	throttle := &dynamotest.Throttle{PerSecond: 1_000, Now: time.Now}
	l := newLeaseKit(b, token.Settings{RemainQuota: new(int64(1_000_000))}, func(o *dynamodb.Options) { throttle.Configure(o) })
	g := gate.New(dynamo.New(l.kit.Client, dynamotest.Table), options...)

	var accepted, unavailable, uncertain atomic.Int64
	due := make(chan struct{}, perSecond*seconds)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range due {
				v, err := g.Verify(b.Context(), l.key, quota.Question{Quota: 1})
				switch {
				case errors.Is(err, token.ErrUncertain):
					uncertain.Add(1)
				case errors.Is(err, token.ErrUnavailable):
					unavailable.Add(1)
				case err != nil || !v.Valid():
					b.Errorf("got %q, %v, want it accepted or unavailable", v.Refusal, err)
				default:
					accepted.Add(1)
				}
			}
		})
	}
	writes, started := throttle.Writes(), time.Now()
	for n := range perSecond * seconds {
		if at := started.Add(time.Duration(n) * time.Second / perSecond); n%50 == 0 {
			time.Sleep(time.Until(at))
		}
		due <- struct{}{}
	}
	close(due)
	all.Wait()
	if err := g.Close(b.Context()); err != nil {
		b.Error(err)
	}
	took := time.Since(started).Seconds()
	if used, least := l.usage(b).Used, accepted.Load(); used < least || used > least+uncertain.Load() {
		b.Errorf("got %d units charged, want the %d accepted, and at most %d more", used, least, uncertain.Load())
	}
	const all100 = perSecond * seconds / 100.0
	b.ReportMetric(float64(accepted.Load())/all100, "%accepted")
	b.ReportMetric(float64(unavailable.Load())/all100, "%unavailable")
	b.ReportMetric(float64(uncertain.Load())/all100, "%uncertain")
	b.ReportMetric(perSecond*seconds/took, "sent/s")
	b.ReportMetric(float64(throttle.Writes()-writes)/took, "writes/s")
	b.ReportMetric(0, "ns/op")
}
