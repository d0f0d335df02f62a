package dynamo

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/latchkey-api/latchkey/shared/token"
)

// abreast is how many items of one request are written at a time.
const abreast = 16

// UpdateAll implements token.Store.
func (s *Store) UpdateAll(ctx context.Context, c token.Caller, ids []int64, change token.Change) ([]error, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	return each(ids, func(id int64) error {
		_, err := s.change(ctx, c.UserID, id, change)
		return err
	}), nil
}

// DeleteAll implements token.Store. The keys die all at once; then the tokens
// are buried one after the other, for each burial writes META.
func (s *Store) DeleteAll(ctx context.Context, c token.Caller, ids []int64) ([]error, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	var mine sync.Map
	errs := each(ids, func(id int64) error {
		killed, err := s.kill(ctx, c.UserID, id, nil)
		mine.Store(id, killed)
		return err
	})
	for i, id := range ids {
		if errs[i] == nil {
			killed, _ := mine.Load(id)
			errs[i] = s.end(ctx, c.UserID, id, killed == true)
		}
	}
	return errs, nil
}

// each does something for each of the ids, some at a time, and returns what
// each came to.
func each(ids []int64, do func(id int64) error) []error {
	errs := make([]error, len(ids))
	turn := make(chan struct{}, abreast)
	var all sync.WaitGroup
	for i, id := range ids {
		turn <- struct{}{}
		all.Go(func() {
			errs[i] = do(id)
			<-turn
		})
	}
	all.Wait()
	return errs
}

// Present implements token.Store.
func (s *Store) Exist(ctx context.Context, c token.Caller, ids []int64) ([]bool, error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, err
	}
	const most = 100 // keys that BatchGetItem takes
	var there []bool
	for some := range slices.Chunk(ids, most) {
		keys := make([]item, len(some))
		for i, id := range some {
			keys[i] = tokenKey(c.UserID, id)
		}
		found, err := s.batchGet(ctx, keys...)
		if err != nil {
			return nil, fmt.Errorf("look for tokens of user %d: %w", c.UserID, err)
		}
		for _, it := range found {
			there = append(there, it != nil && !killed(it))
		}
	}
	return there, nil
}
