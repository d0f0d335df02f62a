package dynamo

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// maxUsageCalls is how many calls a page of a user's history makes for each bucket
// of tokens. A call reads up to 1 MB: a day of a bucket in which each token has its
// history of a typical size, for at least a week.
const maxUsageCalls = 4

// EachOfToken implements history.Store. It makes one query for up to
// history.MaxHourlyDays days, if it reads less than 1 MB, and reads single items for
// more.
func (s *Store) EachOfToken(ctx context.Context, a token.Address, span history.Span, do func(history.Period)) error {
	if span.Days() > history.MaxHourlyDays {
		return s.eachDay(ctx, a.UserID, []int64{a.ID}, span, do)
	}
	hours := pages.Span{Lo: span.From / history.HourSeconds, Hi: (span.To - 1) / history.HourSeconds}
	_, _, err := s.querySoon(ctx, hoursPartition(a.UserID, a.ID), hours, math.MaxInt, func(it item) error {
		p, err := readHour(it, a.UserID, a.ID)
		if err == nil {
			do(p)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read hours: %w", err)
	}
	return nil
}

func (s *Store) eachDay(ctx context.Context, userID int64, ids []int64, span history.Span, do func(history.Period)) error {
	var keys []item
	var buckets []int64 // of the keys
	for _, id := range ids {
		for second := span.From; second < span.To; second += history.DaySeconds {
			keys, buckets = append(keys, dayKey(userID, id, second)), append(buckets, pages.BucketOf(id))
		}
	}
	found, err := s.batchGetSoon(ctx, keys...)
	if err != nil {
		return fmt.Errorf("read days: %w", err)
	}
	for i, it := range found {
		if it == nil {
			continue
		}
		p, err := readDay(it, userID, buckets[i])
		if err != nil {
			return err
		}
		do(p)
	}
	return nil
}

// EachOfTokens implements history.Store. It reads single items, and makes a round
// trip for each 100 of them.
func (s *Store) EachOfTokens(ctx context.Context, c token.Caller, ids []int64, span history.Span, do func(history.Period)) error {
	u, _, err := s.readCaller(ctx, c)
	if err != nil {
		return err
	}
	if err := s.admitChanges(ctx, c, u, token.ChangesOfReading(int64(len(ids))*span.Days())); err != nil {
		return err
	}
	return s.eachDay(ctx, c.UserID, ids, span, do)
}

// TokenRevision implements history.Store. It reads the user and the token in one
// round trip.
func (s *Store) TokenRevision(ctx context.Context, c token.Caller, id int64) (int64, error) {
	found, err := s.batchGet(ctx, userKey(c.UserID), tokenKey(c.UserID, id))
	if err != nil {
		return 0, fmt.Errorf("read token %d/%d: %w", c.UserID, id, err)
	}
	u, _, err := authorizeUser(found[0], c)
	switch {
	case err != nil:
		return 0, err
	case id > u.LastTokenID:
		return 0, token.ErrNotFound
	case found[1] == nil:
		return -1, nil
	}
	r := reader{item: found[1]}
	return r.number(attrRevision), r.err
}

// EachOfUser implements history.Store. The parts of a page are buckets, which it
// reads in parallel, and their positions are sort keys.
func (s *Store) EachOfUser(ctx context.Context, c token.Caller, span history.Span, from history.Cursor, do func(history.Period)) (history.Cursor, error) {
	u, _, err := s.readCaller(ctx, c)
	if err != nil {
		return history.Cursor{}, err
	}
	parts, below := usageParts(u, span, from)
	tokens := int64(len(parts)) * pages.BucketSize
	if err := s.admitChanges(ctx, c, u, token.ChangesOfReading(min(tokens, u.LastTokenID))); err != nil {
		return history.Cursor{}, err
	}
	next := history.Cursor{Below: below}
	var mu sync.Mutex
	inParallel(len(parts), maxParallelReads, func(i int) {
		p := parts[i]
		last, more, failed := s.querySoon(ctx, daysPartition(c.UserID, p.Group), spanOfDays(span, p), maxUsageCalls, func(it item) error {
			day, err := readDay(it, c.UserID, p.Group)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			do(day)
			return nil
		})
		mu.Lock()
		defer mu.Unlock()
		if more {
			next.Parts = append(next.Parts, history.Part{Group: p.Group, Position: last + 1})
		}
		if failed != nil {
			err = fmt.Errorf("read the history of user %d: %w", c.UserID, failed)
		}
	})
	slices.SortFunc(next.Parts, func(a, b history.Part) int { return int(a.Group - b.Group) })
	return next, err
}

// usageParts returns the buckets that a page reads, and the one below which the
// next page goes on.
func usageParts(u token.User, span history.Span, from history.Cursor) (parts []history.Part, below int64) {
	buckets := pages.BucketOf(max(u.LastTokenID, 1)) + 1
	if below = from.Below; from.Done() {
		below = buckets
	}
	for _, p := range from.Parts {
		if keys := spanOfDays(span, p); p.Group < buckets && keys.Lo <= keys.Hi {
			parts = append(parts, p)
		}
	}
	for below = min(below, buckets); below > 0 && len(parts) < history.MaxParts; {
		below--
		parts = append(parts, history.Part{Group: below, Position: span.From / history.DaySeconds * pages.BucketSize})
	}
	return parts, below
}

// spanOfDays returns the sort keys of a bucket's days in a span, from the position
// of a part on.
func spanOfDays(span history.Span, p history.Part) pages.Span {
	return pages.Span{
		Lo: max(p.Position, span.From/history.DaySeconds*pages.BucketSize),
		Hi: (span.To-1)/history.DaySeconds*pages.BucketSize + pages.BucketSize - 1,
	}
}
