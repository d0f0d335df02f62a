package price

import (
	"context"
	"sync"
	"time"
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

	mu     sync.Mutex // held during a read, so that only one caller reads
	table  *Table
	readAt time.Time // zero if the table was never read
}

// NewCache returns an empty cache of a source's table.
func NewCache(source Source, now func() time.Time) *Cache {
	return &Cache{source: source, now: now}
}

// Prices implements Source. If the table is older than MaxAge and can't be read
// again, it returns the error: an old price may be too low.
func (c *Cache) Prices(ctx context.Context) (*Table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if age := now.Sub(c.readAt); !c.readAt.IsZero() && age >= 0 && age < MaxAge {
		return c.table, nil
	}
	// The others who wait for this read must not depend on this caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	table, err := c.source.Prices(ctx)
	if err != nil {
		return nil, err
	}
	c.table, c.readAt = table, now
	return table, nil
}
