package price

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// MaxAge is how long a Cache uses a table without reading it again. A changed
// price is in use everywhere after that time.
const MaxAge = time.Minute

// readTimeout limits one read of the table.
const readTimeout = 5 * time.Second

// A Source stores the deployment's price table.
type Source interface {
	// Prices returns the table, or nil if the operator has set none. The error
	// is one of the store's, such as token.ErrUnavailable.
	Prices(ctx context.Context) (*Table, error)
}

// A Cache reads a price table at most once in MaxAge. It is safe for concurrent
// use.
type Cache struct {
	source Source
	now    func() time.Time

	mu     sync.Mutex
	table  *Table
	readAt time.Time // zero if the table was never read
	flight *flight   // nil unless a read is in progress
}

// A flight is one read of the table, which all who need it at that time share.
type flight struct {
	done  chan struct{} // closed when table and err are set
	table *Table
	err   error
}

// NewCache returns an empty cache of a source's table.
func NewCache(source Source, now func() time.Time) *Cache {
	return &Cache{source: source, now: now}
}

// Prices implements Source. If the table is older than MaxAge and can't be read
// again, it returns the error: an old price may be too low. The error is
// token.ErrUnavailable if the context ends first.
func (c *Cache) Prices(ctx context.Context) (*Table, error) {
	c.mu.Lock()
	now := c.now()
	if age := now.Sub(c.readAt); !c.readAt.IsZero() && age >= 0 && age < MaxAge {
		defer c.mu.Unlock()
		return c.table, nil
	}
	f := c.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flight = f
		go c.read(context.WithoutCancel(ctx), f, now) // others wait for this read, so it must not end with this caller
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.table, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", token.ErrUnavailable, ctx.Err())
	}
}

// read reads the table and ends a flight. The table is as old as the start of the
// read.
func (c *Cache) read(ctx context.Context, f *flight, start time.Time) {
	table, err := c.readSource(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.table, c.readAt, f.table = table, start, table
	}
	f.err = err
	c.flight = nil
	close(f.done)
}

// readSource reads the table. It turns a panic of the source into an error, because
// no caller can recover from it.
func (c *Cache) readSource(ctx context.Context) (_ *Table, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read the price table: panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return c.source.Prices(ctx)
}
