package publish

import (
	"context"
	"time"
)

// AddEmpty adds n empty messages to a queue, as deliver adds those whose next attempt
// is due later.
func AddEmpty(ctx context.Context, q *Queue, n int) (added []bool, err error) {
	return q.add(ctx, make([]queuedMessage, n), time.Now())
}
