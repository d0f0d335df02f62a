package dynamo

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// repairs is how often a list starts again after it met killed tokens.
const repairs = 3

// Page implements token.Store.
func (s *Store) List(ctx context.Context, c token.Caller, skip, limit int64) (token.Page, error) {
	return s.list(ctx, c, query{
		guess: func(l *pages.Counts) pages.Range { return l.Guess(skip) },
		plan:  func(l *pages.Counts) ([]pages.Span, bool) { return l.Plan(skip, limit) },
	})
}

// After implements token.Store. It reads one token more than asked for, to
// know whether any is left. Where rivals deleted some that the counts had
// promised, more may be left than the plan could know: it then says to go on.
func (s *Store) ListAfter(ctx context.Context, c token.Caller, id, limit int64) (token.Page, error) {
	var spans []pages.Span
	page, err := s.list(ctx, c, query{
		guess: func(l *pages.Counts) pages.Range { return l.Around(id) },
		plan: func(l *pages.Counts) (_ []pages.Span, ok bool) {
			spans, ok = l.Below(id, limit+1)
			return spans, ok
		},
	})
	if err != nil {
		return page, err
	}
	switch n := int64(len(page.Tokens)); {
	case n > limit:
		page.Tokens = page.Tokens[:limit]
		page.Next = page.Tokens[limit-1].ID
	case pages.Promised(spans) <= limit: // this was all
	case n > 0:
		page.Next = page.Tokens[n-1].ID
	default:
		page.Next = spans[len(spans)-1].Lo
	}
	return page, nil
}

// Window implements token.Store. What it reads is settled by the counts alone,
// so where it ends does not hang on what rivals delete meanwhile.
func (s *Store) SearchWindow(ctx context.Context, c token.Caller, below int64) (token.Page, error) {
	if below == 0 {
		below = math.MaxInt64
	}
	var next int64
	page, err := s.list(ctx, c, query{
		guess: func(l *pages.Counts) pages.Range { return l.Around(below) },
		plan: func(l *pages.Counts) (spans []pages.Span, _ bool) {
			spans, next = l.Window(min(below-1, l.Given), token.MaxSearchWindow)
			return spans, true
		},
	})
	page.Next = next
	return page, err
}

// A query is what a list wants: the segments that it will need, and the
// spans of its tokens, or false if a segment is missing after all.
type query struct {
	guess func(*pages.Counts) pages.Range
	plan  func(*pages.Counts) ([]pages.Span, bool)
}

// list reads META, then the segments' counts if there are any, then all
// spans at once. Killed tokens still count until they are buried, which it
// makes up for before it starts again.
func (s *Store) list(ctx context.Context, c token.Caller, q query) (token.Page, error) {
	for attempt := 0; ; attempt++ {
		_, l, err := s.admit(ctx, c)
		if err != nil {
			return token.Page{}, err
		}
		spans, err := s.locate(ctx, c.UserID, l, q)
		if err != nil {
			return token.Page{}, fmt.Errorf("count tokens of user %d: %w", c.UserID, err)
		}
		items, err := s.readSpans(ctx, c.UserID, spans)
		if err != nil {
			return token.Page{}, fmt.Errorf("list tokens of user %d: %w", c.UserID, err)
		}
		page := token.Page{Total: l.Total()}
		buried := 0
		for _, it := range items {
			t, err := readToken(it, c.UserID)
			switch {
			case err != nil:
				return token.Page{}, fmt.Errorf("list tokens of user %d: %w", c.UserID, err)
			case !killed(it):
				page.Tokens = append(page.Tokens, t)
			case s.bury(ctx, c.UserID, t.ID) == nil:
				buried++
			}
		}
		if buried == 0 || attempt == repairs {
			return page, nil
		}
	}
}

// locate finds a query's spans, reading segments as needed.
func (s *Store) locate(ctx context.Context, userID int64, l *pages.Counts, q query) ([]pages.Span, error) {
	if l.LastSegment() == 0 {
		spans, _ := q.plan(l)
		return spans, nil
	}
	if err := s.readSegments(ctx, userID, l, q.guess(l)); err != nil {
		return nil, err
	}
	spans, ok := q.plan(l)
	if !ok {
		if err := s.readSegments(ctx, userID, l, l.Missing()); err != nil {
			return nil, err
		}
		spans, _ = q.plan(l)
	}
	return spans, nil
}

// readSegments adds a range of segments to the ledger.
func (s *Store) readSegments(ctx context.Context, userID int64, l *pages.Counts, r pages.Range) error {
	if r.Lo > r.Hi {
		return nil
	}
	items, err := s.query(ctx, userPartition(userID), pages.Span{Lo: r.Lo, Hi: r.Hi, Ascending: true})
	if err != nil {
		return err
	}
	segments := map[int64]pages.Segment{}
	for _, it := range items {
		counts, err := readSegment(it)
		if err != nil {
			return err
		}
		number := reader{item: it}
		segments[number.number(SortKey)] = counts
	}
	l.Add(r, segments)
	return nil
}

// parallel is how many spans are read at once: a page's are a few, a window's
// are not, and each needs a connection.
const parallel = 16

// readSpans reads the spans at once, as far as parallel allows, and joins
// them in their order.
func (s *Store) readSpans(ctx context.Context, userID int64, spans []pages.Span) ([]item, error) {
	found := make([][]item, len(spans))
	errs := make([]error, len(spans))
	var wg sync.WaitGroup
	places := make(chan struct{}, parallel)
	for i, sp := range spans {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			found[i], errs[i] = s.query(ctx, tokenPartition(userID, sp.Bucket), sp)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(found...), nil
}

// query reads a span of a partition, newest first. A span without a limit is
// read whole.
func (s *Store) query(ctx context.Context, partition string, sp pages.Span) ([]item, error) {
	e := newExpression()
	condition := e.name(PartitionKey).hash + " = " + e.value(text(partition)) +
		" AND " + e.name(SortKey).hash + " BETWEEN " + e.value(number(sp.Lo)) + " AND " + e.value(number(sp.Hi))
	var items []item
	var next item
	for {
		in := &dynamodb.QueryInput{
			TableName: &s.table, KeyConditionExpression: &condition,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(sp.Ascending),
			ExclusiveStartKey: next, ReturnConsumedCapacity: consumed,
		}
		if sp.Limit > 0 {
			in.Limit = aws.Int32(int32(sp.Limit) - int32(len(items))) //nolint:gosec // at most a bucket
		}
		out, err := s.client.Query(ctx, in, reading)
		if err != nil {
			return nil, failure(err)
		}
		items = append(items, out.Items...)
		next = out.LastEvaluatedKey
		if len(next) == 0 || sp.Limit > 0 && int64(len(items)) >= sp.Limit {
			return cut(sp, items), nil
		}
	}
}

// cut drops the items that a span reads but does not want, and returns the rest
// newest first.
func cut(sp pages.Span, items []item) []item {
	items = items[min(int(sp.Drop), len(items)):]
	if sp.Ascending {
		slices.Reverse(items)
	}
	return items
}
