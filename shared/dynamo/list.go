package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// List implements token.Store. What other callers delete between the reads is
// missing in the page; the counts say whether more tokens follow.
func (s *Store) List(ctx context.Context, c token.Caller, skip, limit int64) (token.Page, error) {
	var spans []pages.Span
	page, err := s.readPage(ctx, c, listPlan{
		segments: func(l *pages.Counts) pages.Range { return l.SegmentsForPage(skip) },
		spans: func(l *pages.Counts) (_ []pages.Span, ok bool) {
			spans, ok = l.Page(skip, limit)
			return spans, ok
		},
	})
	if err == nil && len(spans) > 0 && skip+limit < page.Total {
		page.Next = lowest(page, spans)
	}
	return page, err
}

// lowest returns the id below which a list continues: that of the page's last
// token, or, if all of the page was deleted meanwhile, that of the last span.
func lowest(page token.Page, spans []pages.Span) int64 {
	if n := len(page.Tokens); n > 0 {
		return page.Tokens[n-1].ID
	}
	return spans[len(spans)-1].Lo
}

// ListAfter implements token.Store. It reads one token more than limit, to know
// whether more follow. If other callers delete tokens between the reads, it may
// find fewer than the counts promised; then it returns a Next from which the
// caller goes on.
func (s *Store) ListAfter(ctx context.Context, c token.Caller, id, limit int64) (token.Page, error) {
	var spans []pages.Span
	page, err := s.readPage(ctx, c, listPlan{
		segments: func(l *pages.Counts) pages.Range { return l.SegmentsBelow(id) },
		spans: func(l *pages.Counts) (_ []pages.Span, ok bool) {
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
	case pages.Expected(spans) <= limit: // these were the last
	default:
		page.Next = lowest(page, spans)
	}
	return page, nil
}

// A listPlan says what a list reads.
type listPlan struct {
	// segments returns the segments that the list is likely to need.
	segments func(*pages.Counts) pages.Range
	// spans returns the spans with the list's tokens; false if it needs a
	// segment that was not read.
	spans func(*pages.Counts) ([]pages.Span, bool)
}

// readPage reads META, then the counts of other segments if there are any, then
// all spans in parallel. A revoked token is counted until it is removed, and
// takes a place in the list. So readPage removes those that it finds and starts
// again.
func (s *Store) readPage(ctx context.Context, c token.Caller, plan listPlan) (token.Page, error) {
	for attempt := 1; ; attempt++ {
		_, counts, err := s.readCaller(ctx, c)
		if err != nil {
			return token.Page{}, err
		}
		spans, err := s.findSpans(ctx, c.UserID, counts, plan)
		if err != nil {
			return token.Page{}, fmt.Errorf("count tokens of user %d: %w", c.UserID, err)
		}
		items, err := readSpans(spans, func(sp pages.Span) ([]item, error) {
			return s.query(ctx, tokenPartition(c.UserID, sp.Bucket), sp)
		})
		if err != nil {
			return token.Page{}, fmt.Errorf("list tokens of user %d: %w", c.UserID, err)
		}
		page := token.Page{Total: counts.Total()}
		removed := 0
		for _, it := range items {
			t, err := readToken(it, c.UserID)
			switch {
			case err != nil:
				return token.Page{}, fmt.Errorf("list tokens of user %d: %w", c.UserID, err)
			case !revoked(it):
				page.Tokens = append(page.Tokens, t)
			case s.removeRevoked(ctx, c.UserID, t.ID, it) == nil:
				removed++
			}
		}
		if removed == 0 || attempt == maxListAttempts {
			return page, nil
		}
	}
}

// findSpans returns the spans to read. It reads segments as needed.
func (s *Store) findSpans(ctx context.Context, userID int64, counts *pages.Counts, plan listPlan) ([]pages.Span, error) {
	if counts.LastSegment() == 0 {
		spans, _ := plan.spans(counts)
		return spans, nil
	}
	if err := s.readSegments(ctx, userID, counts, plan.segments(counts)); err != nil {
		return nil, err
	}
	spans, ok := plan.spans(counts)
	if !ok {
		if err := s.readSegments(ctx, userID, counts, counts.MissingSegments()); err != nil {
			return nil, err
		}
		spans, _ = plan.spans(counts)
	}
	return spans, nil
}

// readSegments adds a range of segments to the counts.
func (s *Store) readSegments(ctx context.Context, userID int64, counts *pages.Counts, r pages.Range) error {
	if r.Lo > r.Hi {
		return nil
	}
	items, err := s.query(ctx, userPartition(userID), pages.Span{Lo: r.Lo, Hi: r.Hi, Ascending: true})
	if err != nil {
		return err
	}
	segments := map[int64]pages.Segment{}
	for _, it := range items {
		segment, err := readSegment(it)
		if err != nil {
			return err
		}
		attrs := reader{item: it}
		segments[attrs.number(SortKey)] = segment
	}
	counts.AddSegments(r, segments)
	return nil
}

// readSpans reads spans with read, up to maxParallelReads at the same time, and
// returns their items in the order of the spans.
func readSpans(spans []pages.Span, read func(pages.Span) ([]item, error)) ([]item, error) {
	found := make([][]item, len(spans))
	errs := make([]error, len(spans))
	inParallel(len(spans), maxParallelReads, func(i int) { found[i], errs[i] = read(spans[i]) })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(found...), nil
}
