package dynamo

import (
	"context"
	"fmt"
	"math"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// freshTokens is how many of a user's newest tokens a search finds in any case, even
// if they were created just now: two creates of token.MaxBatch. A user with no more
// is searched in one read.
const freshTokens = 2 * token.MaxBatch

// Search implements token.Store. It counts as changes, by the tokens that it
// compares. A revoked token is left out; the next list removes it.
//
// Of many tokens it reads only what the query compares, buckets without fresh tokens
// for half the price, and then the tokens of the page.
func (s *Store) Search(ctx context.Context, c token.Caller, search token.Search) (token.Page, error) {
	user, counts, err := s.readCaller(ctx, c)
	if err != nil {
		return token.Page{}, err
	}
	spans, next, err := s.searchSpans(ctx, c.UserID, counts, search.Below)
	if err != nil {
		return token.Page{}, fmt.Errorf("count tokens of user %d: %w", c.UserID, err)
	}
	expected := pages.Expected(spans)
	if err := s.admitChanges(ctx, c, user, token.ChangesOfReading(expected)); err != nil {
		return token.Page{}, err
	}
	attributes, read := comparedBy(search.Query)
	few := expected <= freshTokens
	if few {
		attributes, read = nil, readToken
	}
	items, err := readSpans(spans, func(sp pages.Span) ([]item, error) {
		fresh := few || sp.Hi > counts.LastID-freshTokens
		return s.querySome(ctx, tokenPartition(c.UserID, sp.Bucket), sp, fresh, attributes)
	})
	if err != nil {
		return token.Page{}, fmt.Errorf("search tokens of user %d: %w", c.UserID, err)
	}
	var ids []int64                   // of tokens that match
	stored := map[int64]token.Token{} // those of few
	for _, it := range items {
		t, err := read(it, c.UserID)
		if err != nil {
			return token.Page{}, fmt.Errorf("search tokens of user %d: %w", c.UserID, err)
		}
		if revoked(it) || !search.Query.Matches(t, search.Now) {
			continue
		}
		ids = append(ids, t.ID)
		if few {
			stored[t.ID] = t
		}
	}
	n := int64(len(ids))
	from := min(search.Skip, n)
	to := from + min(search.Size, n-from)
	page := token.Page{Total: n, Next: next}
	if to > 0 && to < n {
		page.Next = ids[to-1]
	}
	ids = ids[from:to]
	if !few && len(ids) > 0 {
		if stored, err = s.GetAll(ctx, c, ids); err != nil {
			return token.Page{}, err
		}
	}
	for _, id := range ids { // some may have been changed or deleted since they were compared
		if t, ok := stored[id]; ok && search.Query.Matches(t, search.Now) {
			page.Tokens = append(page.Tokens, t)
		}
	}
	return page, nil
}

// searchSpans returns the spans with the newest tokens below an id, 0 for any, as
// many as one search compares. next is the id below which tokens may be left, 0 if
// none are. The counts alone decide what that is, so concurrent deletions don't
// change where a search ends.
func (s *Store) searchSpans(ctx context.Context, userID int64, counts *pages.Counts, below int64) (spans []pages.Span, next int64, err error) {
	if below == 0 {
		below = math.MaxInt64
	}
	spans, err = s.findSpans(ctx, userID, counts, listPlan{
		segments: func(l *pages.Counts) pages.Range { return l.SegmentsBelow(below) },
		spans: func(l *pages.Counts) (spans []pages.Span, _ bool) {
			spans, next = l.Window(min(below-1, l.LastID), token.MaxSearchWindow)
			return spans, true
		},
	})
	return spans, next, err
}

// comparedBy returns the attributes of a token that a query compares, and what reads
// them. If it asks for a status, that is all of them, because a status depends on quotas,
// limits and holds.
func comparedBy(q token.Query) (attributes []string, read func(item, int64) (token.Token, error)) {
	if q.Status != 0 {
		return nil, readToken
	}
	attributes = []string{SortKey, attrRevoked, attrName, attrMask, attrPreviousMask, attrPreviousUntil, attrGroup}
	return attributes, func(it item, userID int64) (token.Token, error) {
		r := reader{item: it}
		return token.Token{
			UserID: userID, ID: r.number(SortKey), Name: r.text(attrName), Group: r.text(attrGroup),
			Mask: r.text(attrMask), PreviousMask: r.text(attrPreviousMask), PreviousUntil: r.number(attrPreviousUntil),
		}, r.err
	}
}
