package dynamo

import (
	"context"
	"reflect"
	"slices"

	"github.com/latchkey-api/latchkey/shared/narrow"
)

// webhooks makes the webhooks of a user as they are in the live table. One that is in
// the live table alone is left out, as tokens are, but its id is not given again.
func (r *restoration) webhooks(ctx context.Context, u restoredUser) error {
	if r.skips(narrow.Webhooks) {
		return nil
	}
	live, err := r.Live.query(ctx, endpointPartition(u.id), wholePartition())
	if err != nil {
		return &TableError{r.Live.table, err}
	}
	restored, err := r.to.query(ctx, endpointPartition(u.id), wholePartition())
	if err != nil {
		return &TableError{r.to.table, err}
	}
	for _, it := range restored {
		var want item
		if i := slices.IndexFunc(live, func(other item) bool { return sameKey(it, other) }); i >= 0 {
			want = live[i]
		}
		if reflect.DeepEqual(want, it) {
			continue
		}
		r.count(narrow.Webhooks)
		if r.DryRun {
			continue
		}
		if err := r.to.follow(ctx, it, want); err != nil {
			return &TableError{r.to.table, err}
		}
	}
	return nil
}

// follow replaces an item by another, or removes it if that is nil.
func (s *Store) follow(ctx context.Context, it, want item) error {
	if want == nil {
		return s.removeItems(ctx, []item{it})
	}
	_, err := s.put(ctx, want, newExpression(), retryIdempotent())
	return err
}
