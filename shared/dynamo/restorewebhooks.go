package dynamo

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/latchkey-api/latchkey/shared/history"
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
		if reflect.DeepEqual(withoutNote(want), withoutNote(it)) {
			continue
		}
		r.count(narrow.Webhooks)
		if r.DryRun {
			continue
		}
		if err := r.to.follow(ctx, u.id, it, want); err != nil {
			return &TableError{r.to.table, err}
		}
	}
	return nil
}

// follow replaces an ENDPOINT item by another, or deletes the endpoint if that is nil.
func (s *Store) follow(ctx context.Context, userID int64, it, want item) error {
	r := reader{item: it}
	switch id := r.number(SortKey); {
	case want == nil && id != 0:
		return s.deleteEndpoint(ctx, userID, id, operatorOf(ctx))
	case want == nil:
		return s.removeItems(ctx, []item{it})
	default:
		if want = withoutNote(want); id != 0 {
			want[attrNote] = operatorOf(ctx).note(history.WebhookRestored)
		}
		_, err := s.put(ctx, want, newExpression(), retryIdempotent())
		return err
	}
}

func withoutNote(it item) item {
	plain := maps.Clone(it)
	delete(plain, attrNote)
	return plain
}
