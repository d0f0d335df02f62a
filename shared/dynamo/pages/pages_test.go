package pages_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
)

// A table has a user's ids and deletions.
type table struct {
	lastID   int64
	live     []int64 // newest first
	segments map[int64]pages.Segment
}

func newTable(lastID int64, deleted func(id int64) bool) table {
	tab := table{lastID: lastID, segments: map[int64]pages.Segment{}}
	for id := lastID; id >= 1; id-- {
		if !deleted(id) {
			tab.live = append(tab.live, id)
			continue
		}
		seg := tab.segments[pages.SegmentOf(id)]
		seg[pages.BucketOf(id)%pages.SegmentBuckets]++
		tab.segments[pages.SegmentOf(id)] = seg
	}
	return tab
}

func (tab table) counts() *pages.Counts {
	return pages.New(tab.lastID, tab.lastID-int64(len(tab.live)), tab.segments[0])
}

// add adds the segments of a range, as the store does.
func (tab table) add(c *pages.Counts, r pages.Range) {
	if r.Lo > r.Hi {
		return
	}
	found := map[int64]pages.Segment{}
	for seg := r.Lo; seg <= r.Hi; seg++ {
		if s, ok := tab.segments[seg]; ok {
			found[seg] = s
		}
	}
	c.AddSegments(r, found)
}

// read returns the wanted ids of the spans, newest first.
func (tab table) read(t *testing.T, spans []pages.Span) []int64 {
	t.Helper()
	var all []int64
	for _, sp := range spans {
		ids := slices.DeleteFunc(slices.Clone(tab.live), func(id int64) bool { return id < sp.Lo || id > sp.Hi })
		if sp.Ascending {
			slices.Reverse(ids)
		}
		if sp.Limit > 0 {
			ids = ids[:min(sp.Limit, int64(len(ids)))]
		}
		ids = ids[min(sp.Drop, int64(len(ids))):]
		if sp.Ascending {
			slices.Reverse(ids)
		}
		if int64(len(ids)) < sp.Expected {
			t.Errorf("%+v has %d ids, want at least what it expects", sp, len(ids))
		}
		all = append(all, ids...)
	}
	return all
}

// The spans of every page, of the tokens below every id and of every window
// have exactly the ids of a plain list.
func TestSpansMatchList(t *testing.T) {
	t.Parallel()
	for percent, lastID := range map[int]int64{0: 300, 50: 2 * pages.SegmentSize, 95: 3*pages.SegmentSize + 700} {
		random := rand.New(rand.NewPCG(1, uint64(percent))) //nolint:gosec // test data
		tab := newTable(lastID, func(int64) bool { return random.IntN(100) < percent })
		total := int64(len(tab.live))
		for range 100 {
			checkPage(t, tab, random.Int64N(total+10), 1+random.Int64N(300))
			checkBelow(t, tab, 1+random.Int64N(lastID+10), 1+random.Int64N(300))
		}
		checkWindows(t, tab)
	}
}

func checkPage(t *testing.T, tab table, skip, limit int64) {
	t.Helper()
	c := tab.counts()
	tab.add(c, c.SegmentsForPage(skip))
	spans, ok := c.Page(skip, limit)
	if !ok {
		tab.add(c, c.MissingSegments())
		if spans, ok = c.Page(skip, limit); !ok {
			t.Fatalf("page of %d after %d: a segment is missing after MissingSegments", limit, skip)
		}
	}
	total := int64(len(tab.live))
	want := tab.live[min(skip, total):min(skip+limit, total)]
	if got := tab.read(t, spans); !slices.Equal(got, want) || pages.Expected(spans) != int64(len(want)) {
		t.Errorf("page of %d after %d: got %d ids, want %d", limit, skip, len(got), len(want))
	}
}

// checkBelow allows more ids than limit, of which the newest count.
func checkBelow(t *testing.T, tab table, id, limit int64) {
	t.Helper()
	c := tab.counts()
	tab.add(c, c.SegmentsBelow(id))
	spans, ok := c.Below(id, limit)
	if !ok {
		tab.add(c, c.MissingSegments())
		if spans, ok = c.Below(id, limit); !ok {
			t.Fatalf("%d below %d: a segment is missing after MissingSegments", limit, id)
		}
	}
	want := slices.DeleteFunc(slices.Clone(tab.live), func(other int64) bool { return other >= id })
	want = want[:min(limit, int64(len(want)))]
	got := tab.read(t, spans)
	if got = got[:min(limit, int64(len(got)))]; !slices.Equal(got, want) {
		t.Errorf("%d below %d: got %d ids, want %d", limit, id, len(got), len(want))
	}
}

// checkWindows follows next from the top and checks that it finds every id.
func checkWindows(t *testing.T, tab table) {
	t.Helper()
	const limit = 2000
	var got []int64
	for below := int64(math.MaxInt64); below > 0; {
		c := tab.counts()
		tab.add(c, c.SegmentsBelow(below))
		spans, next := c.Window(min(below-1, c.LastID), limit)
		ids := tab.read(t, spans)
		if len(ids) > limit || next >= below {
			t.Fatalf("window below %d: got %d ids and next %d, want at most %d and a lower next", below, len(ids), next, limit)
		}
		got, below = append(got, ids...), next
	}
	if !slices.Equal(got, tab.live) {
		t.Errorf("windows: got %d ids, want %d", len(got), len(tab.live))
	}
}
