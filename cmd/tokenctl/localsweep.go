package main

import (
	"context"
	"time"
)

// A sweeper removes expired items from a local engine. The engine looks at every item for
// that, which takes seconds for many, and answers nothing meanwhile.
type sweeper struct {
	every   time.Duration
	expired func(context.Context, time.Time) (bool, error) // reports whether an item has expired; the engine answers meanwhile
	remove  func(context.Context) (int, error)
	now     func() time.Time
}

// sweepShare is how many times as long as the last removal took the next one is away: the
// engine removes items for at most 2 % of the time.
const sweepShare = 49

// sweep removes expired items if there are any, and returns how long to wait until the
// next call.
func (s sweeper) sweep(ctx context.Context) (wait time.Duration, err error) {
	started := s.now()
	if found, err := s.expired(ctx, started); err != nil || !found {
		return s.every, err
	}
	_, err = s.remove(ctx)
	return max(s.every, sweepShare*s.now().Sub(started)), err
}
