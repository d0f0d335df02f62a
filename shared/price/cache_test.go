package price_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// A slowSource answers when it is told to.
type slowSource struct {
	reads  atomic.Int64
	answer chan error
}

func (s *slowSource) Prices(context.Context) (*price.Table, error) {
	s.reads.Add(1)
	return &price.Table{}, <-s.answer
}

// A panic of the source is an error.
func TestCachePanic(t *testing.T) {
	cache := price.NewCache(nil, time.Now)
	if got, err := cache.Prices(t.Context()); got != nil || err == nil {
		t.Errorf("got %v, %v, want an error", got, err)
	}
}

// Concurrent callers share one read and its error. A caller that is gone waits no
// longer, and its read goes on for the others.
func TestCacheReadsOnce(t *testing.T) {
	for _, want := range []error{nil, token.ErrUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowSource{answer: make(chan error)}
			cache := price.NewCache(s, time.Now)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := cache.Prices(gone); !errors.Is(err, token.ErrUnavailable) {
				t.Errorf("gone: got error %v, want ErrUnavailable", err)
			}
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if _, err := cache.Prices(t.Context()); !errors.Is(err, want) {
						t.Errorf("got error %v, want %v", err, want)
					}
				})
			}
			synctest.Wait()
			s.answer <- want
			all.Wait()
			if n := s.reads.Load(); n != 1 {
				t.Errorf("got %d reads, want 1", n)
			}
		})
	}
}
