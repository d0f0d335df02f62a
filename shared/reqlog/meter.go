// Package reqlog measures what a request costs in the store and writes the
// one log line of the request.
package reqlog

import (
	"context"
	"sync"
)

// A Cost is what a request used of the store: DynamoDB's capacity units, and
// round trips including retries.
type Cost struct {
	ReadUnits, WriteUnits float64
	RoundTrips            int
	Hedged                int // reads that were sent twice because the first answer was slow
	Unrecorded            int // uses and refusals of keys that the store could not record
}

// A Meter adds up the costs of one request. It is safe for concurrent use.
type Meter struct {
	mu   sync.Mutex
	cost Cost
}

// Add adds a cost; on a nil Meter it does nothing.
func (m *Meter) Add(c Cost) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.cost.ReadUnits += c.ReadUnits
	m.cost.WriteUnits += c.WriteUnits
	m.cost.RoundTrips += c.RoundTrips
	m.cost.Hedged += c.Hedged
	m.cost.Unrecorded += c.Unrecorded
	m.mu.Unlock()
}

// Cost returns the sum so far.
func (m *Meter) Cost() Cost {
	m.mu.Lock()
	c := m.cost
	m.mu.Unlock()
	return c
}

type meterKey struct{}

// WithMeter returns a context and its Meter. The store adds to the Meter what
// each call with that context costs.
func WithMeter(ctx context.Context) (context.Context, *Meter) {
	m := new(Meter)
	return context.WithValue(ctx, meterKey{}, m), m
}

// MeterFrom returns the context's Meter, or nil if it has none.
func MeterFrom(ctx context.Context) *Meter {
	m, _ := ctx.Value(meterKey{}).(*Meter)
	return m
}
