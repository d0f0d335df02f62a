// Package pages computes which parts of which partitions hold a page of a
// user's tokens. It makes no calls and imports no SDK.
//
// A user's token ids count from 1 without gaps. They fall into buckets of 256
// ids, and 64 buckets are a segment. Deletions are counted for each bucket, so
// the number of tokens in a bucket is the ids given in it minus the deletions
// counted. Counts has these numbers for the segments that were read. From them
// it computes the spans to read for a page.
package pages

import "maps"

// The layout of ids. A bucket is one partition of TOKEN items. A segment is
// one item with the counters of its buckets; segment 0 is part of META.
const (
	BucketSize     = 256                         // ids in a bucket
	SegmentBuckets = 64                          // buckets in a segment
	SegmentSize    = BucketSize * SegmentBuckets // ids in a segment
)

// maxWindowBuckets is how many buckets a window has at most: two segments.
const maxWindowBuckets = 2 * SegmentBuckets

// BucketOf returns the bucket of an id. Buckets count from 0.
func BucketOf(id int64) int64 { return (id - 1) / BucketSize }

// SegmentOf returns the segment of an id. Segments count from 0.
func SegmentOf(id int64) int64 { return (id - 1) / SegmentSize }

// A Segment has the number of deletions in each of its buckets.
type Segment [SegmentBuckets]int64

func (s Segment) sum() (n int64) {
	for _, deleted := range s {
		n += deleted
	}
	return n
}

// A Range is the numbers from Lo to Hi, both included; it is empty if Lo > Hi.
type Range struct{ Lo, Hi int64 }

// A Span is a part of a bucket to read: the tokens with ids from Hi down to
// Lo, or from Lo up to Hi if Ascending.
type Span struct {
	Bucket, Lo, Hi int64
	Ascending      bool
	Limit          int64 // tokens to read at most; 0 is no limit
	Drop           int64 // how many of the tokens read first are not wanted
	Expected       int64 // wanted tokens that the span has at least, by the counts
}

// Expected returns how many wanted tokens the spans have at least, by the
// counts.
func Expected(spans []Span) (n int64) {
	for _, sp := range spans {
		n += sp.Expected
	}
	return n
}

// Counts says how many tokens a user has in each bucket, for segment 0 and for
// the segments that were added.
type Counts struct {
	LastID  int64 // the highest id given so far
	deleted int64 // deletions in all segments

	// The segments that are known: 0, and lo to hi. A known segment without
	// an entry has no deletions.
	segments map[int64]Segment
	lo, hi   int64
}

// New returns the counts of a user who was given the ids 1 to lastID. deleted
// of these are deleted, in all segments. first is segment 0.
func New(lastID, deleted int64, first Segment) *Counts {
	return &Counts{LastID: lastID, deleted: deleted, segments: map[int64]Segment{0: first}, lo: 1}
}

// Total returns how many tokens the user has.
func (c *Counts) Total() int64 { return c.LastID - c.deleted }

// LastSegment returns the highest segment that has ids.
func (c *Counts) LastSegment() int64 { return SegmentOf(max(c.LastID, 1)) }

// AddSegments adds the segments of a range, which must adjoin or overlap the
// range that is known. A segment of the range without an entry has no
// deletions.
func (c *Counts) AddSegments(r Range, segments map[int64]Segment) {
	maps.Copy(c.segments, segments)
	if c.lo > c.hi { // none known yet
		c.lo, c.hi = r.Lo, r.Hi
	}
	c.lo, c.hi = min(c.lo, r.Lo), max(c.hi, r.Hi)
}

// SumOfSegments returns the deletions in all known segments.
func (c *Counts) SumOfSegments() (n int64) {
	for _, seg := range c.segments {
		n += seg.sum()
	}
	return n
}

// MissingSegments returns the segments to add after Page or Below has returned
// false.
func (c *Counts) MissingSegments() Range {
	if c.lo > 1 {
		return Range{1, c.lo - 1}
	}
	return Range{c.hi + 1, c.LastSegment()}
}

// SegmentsBelow returns the segments to add for Below and Window with this id.
func (c *Counts) SegmentsBelow(id int64) Range {
	seg := SegmentOf(max(1, min(id-1, c.LastID)))
	return Range{max(1, seg-1), seg}
}

// SegmentsForPage returns the segments that Page is likely to need after skip
// tokens. Page finds its place by adding up counts from the newest or from the
// oldest token on, so it needs all segments from its place to one of the ends.
// SegmentsForPage takes the nearer end. It assumes that deletions are spread
// evenly, and adds one segment to be on the safe side.
func (c *Counts) SegmentsForPage(skip int64) Range {
	if c.LastSegment() == 0 || skip >= c.Total() {
		return Range{1, 0}
	}
	upperIDs := c.LastID - SegmentSize
	upperLive := c.Total() - (SegmentSize - c.segments[0].sum())
	at := int64(0)
	if skip < upperLive {
		at = SegmentOf(c.LastID - int64(float64(skip)*float64(upperIDs)/float64(upperLive)))
	}
	if c.LastSegment()-at < at {
		return Range{max(1, at-1), c.LastSegment()}
	}
	return Range{1, min(c.LastSegment(), at+1)}
}

// Page returns the spans of up to limit tokens after skip others, newest
// first. It is false if it needs a segment that is not known.
func (c *Counts) Page(skip, limit int64) ([]Span, bool) {
	if skip >= c.Total() {
		return nil, true
	}
	bucket, rest, ok := c.fromTop(skip)
	if !ok {
		bucket, rest, ok = c.fromBottom(c.Total() - skip)
	}
	if !ok {
		return nil, false
	}
	return c.spans(bucket, rest, limit)
}

// Below returns the spans of up to limit tokens with ids below id, newest
// first. It is false if it needs a segment that is not known. How many of the
// first bucket's deletions are below id is not known. So Below reads that
// bucket up to limit, and expects from it only what must be there.
func (c *Counts) Below(id, limit int64) ([]Span, bool) {
	top := min(id-1, c.LastID)
	if top < 1 || limit < 1 {
		return nil, true
	}
	bucket := BucketOf(top)
	if !c.known(bucket) {
		return nil, false
	}
	lo := bucket*BucketSize + 1
	sure := min(limit, max(0, top-lo+1-(c.ids(bucket)-c.live(bucket))))
	first := Span{Bucket: bucket, Lo: lo, Hi: top, Limit: limit, Expected: sure}
	more, ok := c.spans(bucket-1, 0, limit-sure)
	return append([]Span{first}, more...), ok
}

// Window returns the spans of the tokens from id top down: whole buckets, with
// at most limit tokens in all, from known segments, and at most 128 spans.
// next is the id below which tokens may be left, 0 if none are. A token newer
// than the counts is not read.
func (c *Counts) Window(top, limit int64) (all []Span, next int64) {
	for bucket := BucketOf(max(top, 1)); bucket >= 0; bucket-- {
		lo := bucket*BucketSize + 1
		hi := min(top, bucket*BucketSize+c.ids(bucket))
		if !c.known(bucket) {
			return all, lo + BucketSize
		}
		n := min(c.live(bucket), hi-lo+1)
		if n < 1 {
			continue
		}
		if n > limit || len(all) == maxWindowBuckets {
			return all, lo + BucketSize
		}
		all = append(all, Span{Bucket: bucket, Lo: lo, Hi: hi, Expected: n})
		limit -= n
	}
	return all, 0
}

// known reports whether a bucket's segment is known.
func (c *Counts) known(bucket int64) bool {
	seg := bucket / SegmentBuckets
	return seg == 0 || c.lo <= seg && seg <= c.hi
}

// live returns the number of tokens in a known bucket.
func (c *Counts) live(bucket int64) int64 {
	return c.ids(bucket) - c.segments[bucket/SegmentBuckets][bucket%SegmentBuckets]
}

// ids returns the number of ids given in a bucket.
func (c *Counts) ids(bucket int64) int64 {
	return max(0, min(c.LastID-bucket*BucketSize, BucketSize))
}

// fromTop finds the bucket of the token after skip others. rest is how many of
// those are in the same bucket.
func (c *Counts) fromTop(skip int64) (bucket, rest int64, ok bool) {
	for bucket := BucketOf(max(c.LastID, 1)); bucket >= 0 && c.known(bucket); bucket-- {
		live := c.live(bucket)
		if skip < live {
			return bucket, skip, true
		}
		skip -= live
	}
	return 0, 0, false
}

// fromBottom finds the bucket of the token that is the rank-th oldest. rest is
// how many newer tokens are in the same bucket.
func (c *Counts) fromBottom(rank int64) (bucket, rest int64, ok bool) {
	for bucket := int64(0); bucket <= BucketOf(max(c.LastID, 1)) && c.known(bucket); bucket++ {
		live := c.live(bucket)
		if rank <= live {
			return bucket, live - rank, true
		}
		rank -= live
	}
	return 0, 0, false
}

// spans returns the spans of up to limit tokens, from a bucket downwards,
// after the skip newest tokens of that bucket.
func (c *Counts) spans(bucket, skip, limit int64) ([]Span, bool) {
	var all []Span
	for ; bucket >= 0 && limit > 0; bucket-- {
		if !c.known(bucket) {
			return nil, false
		}
		if n := min(c.live(bucket)-skip, limit); n > 0 {
			all = append(all, c.span(bucket, skip, n))
			limit -= n
		}
		skip = 0
	}
	return all, true
}

// span returns the span of n tokens of a bucket after its skip newest. In a
// bucket without deletions their ids are known. In any other it reads from the
// nearer end of the bucket.
func (c *Counts) span(bucket, skip, n int64) Span {
	lo, hi := bucket*BucketSize+1, bucket*BucketSize+c.ids(bucket)
	live := c.live(bucket)
	switch {
	case live == c.ids(bucket):
		hi -= skip
		return Span{Bucket: bucket, Lo: hi - n + 1, Hi: hi, Limit: n, Expected: n}
	case skip+n <= live-skip:
		return Span{Bucket: bucket, Lo: lo, Hi: hi, Limit: skip + n, Drop: skip, Expected: n}
	default:
		older := live - skip - n
		return Span{Bucket: bucket, Lo: lo, Hi: hi, Ascending: true, Limit: older + n, Drop: older, Expected: n}
	}
}
