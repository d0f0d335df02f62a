// Package reqlog measures what a request costs and writes its log line.
package reqlog

import (
	"context"
	"sync"
)

// A Cost is what work cost in the store: capacity units, and round trips
// including retries.
type Cost struct {
	ReadUnits, WriteUnits float64
	RoundTrips            int
}

// A Meter adds up the costs of one request. It is safe for concurrent use.
type Meter struct {
	mu   sync.Mutex
	cost Cost
}

// Add counts a cost; on a nil Meter it does nothing.
func (m *Meter) Add(c Cost) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cost.ReadUnits += c.ReadUnits
	m.cost.WriteUnits += c.WriteUnits
	m.cost.RoundTrips += c.RoundTrips
}

// Cost is the sum so far.
func (m *Meter) Cost() Cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cost
}

type meterKey struct{}

// WithMeter returns a context whose work is counted, and its meter.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := new(Meter)
	return context.WithValue(ctx, meterKey{}, m), m
}

// MeterFrom is the context's meter, or nil.
func MeterFrom(ctx context.Context) *Meter {
	m, _ := ctx.Value(meterKey{}).(*Meter)
	return m
}
