package price_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A source counts its reads.
type source struct {
	mu    sync.Mutex
	reads int
	table *price.Table
	err   error
}

func (s *source) Prices(context.Context) (*price.Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.table, s.err
}

// A table is read once a minute, also if there is none. Once it is older, a
// failed read is an error.
func TestCache(t *testing.T) {
	for name, table := range map[string]*price.Table{"table": {Revision: 1}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_000_000, 0)
			s := &source{table: table}
			cache := price.NewCache(s, func() time.Time { return now })
			want := func(table *price.Table, err error, reads int) {
				t.Helper()
				got, gotErr := cache.Prices(t.Context())
				if got != table || !errors.Is(gotErr, err) || s.reads != reads {
					t.Errorf("got %v, %v after %d reads, want %v, %v after %d", got, gotErr, s.reads, table, err, reads)
				}
			}
			want(table, nil, 1)
			s.table, s.err = &price.Table{Revision: 2}, token.ErrUnavailable
			now = now.Add(price.MaxAge - 1)
			want(table, nil, 1)
			now = now.Add(1)
			want(nil, token.ErrUnavailable, 2)
			want(nil, token.ErrUnavailable, 3)
			s.err = nil
			want(s.table, nil, 4)
			now = now.Add(-time.Hour) // a clock that was set back
			want(s.table, nil, 5)
		})
	}
}

// Concurrent callers share one read, even if the first has gone.
func TestCacheReadsOnce(t *testing.T) {
	s := &source{table: &price.Table{}}
	cache := price.NewCache(s, time.Now)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, err := cache.Prices(gone); got != s.table || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	all.Wait()
	if s.reads != 1 {
		t.Errorf("got %d reads, want 1", s.reads)
	}
}
