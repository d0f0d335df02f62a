// Package pages computes where a page of a user's tokens lies. It reads and
// writes nothing.
package pages

import "maps"

// Where a page lies is arithmetic. A user's ids are dense, and deletions are
// counted per bucket, so live tokens in a bucket = ids given - deleted. The
// ledger holds these counts, as far as they have been read, and plans which
// parts of which buckets to read.

// Ids fall into buckets, the partitions of the tokens, and 64 buckets into a
// segment, the item that counts their deletions. Segment 0 is part of META.
const (
	BucketSize     = 256
	SegmentBuckets = 64
	SegmentSize    = BucketSize * SegmentBuckets
)

func BucketOf(id int64) int64  { return (id - 1) / BucketSize }
func SegmentOf(id int64) int64 { return (id - 1) / SegmentSize }

// A segment counts the deletions in each of its buckets.
type Segment [SegmentBuckets]int64

func (s Segment) sum() (n int64) {
	for _, d := range s {
		n += d
	}
	return n
}

type Counts struct {
	Given   int64 // ids ever given
	deleted int64 // deletions in all segments
	// counts of the segments that were read: 0 always, and lo … hi. One that
	// has no entry has no deletions.
	counts map[int64]Segment
	lo, hi int64
}

func New(given, deleted int64, first Segment) *Counts {
	return &Counts{Given: given, deleted: deleted, counts: map[int64]Segment{0: first}, lo: 1}
}

// windowBuckets is how many buckets a window reads at most: two segments.
const maxWindowBuckets = 2 * SegmentBuckets

// add notes the counts of the segments of a range. A segment without an entry
// has no deletions.
func (l *Counts) Add(r Range, counts map[int64]Segment) {
	maps.Copy(l.counts, counts)
	if l.lo > l.hi { // none known yet
		l.lo, l.hi = r.Lo, r.Hi
	}
	l.lo, l.hi = min(l.lo, r.Lo), max(l.hi, r.Hi)
}

// last is the highest segment that has ids.
func (l *Counts) LastSegment() int64 { return SegmentOf(max(l.Given, 1)) }

// SumOfSegments returns the deletions in all segments that were added.
func (l *Counts) SumOfSegments() (n int64) {
	for _, seg := range l.counts {
		n += seg.sum()
	}
	return n
}

// Total returns how many tokens the user has.
func (l *Counts) Total() int64 { return l.Given - l.deleted }

func (l *Counts) known(bucket int64) bool {
	seg := bucket / SegmentBuckets
	return seg == 0 || l.lo <= seg && seg <= l.hi
}

// live counts the tokens of a known bucket.
func (l *Counts) live(bucket int64) int64 {
	return l.ids(bucket) - l.counts[bucket/SegmentBuckets][bucket%SegmentBuckets]
}

// ids counts the ids given in a bucket.
func (l *Counts) ids(bucket int64) int64 {
	return max(0, min(l.Given-bucket*BucketSize, BucketSize))
}

// A segmentRange is lo … hi, empty if lo > hi.
type Range struct{ Lo, Hi int64 }

// missing is what a plan lacks that came to an end of the known segments.
func (l *Counts) Missing() Range {
	if l.lo > 1 {
		return Range{1, l.lo - 1}
	}
	return Range{l.hi + 1, l.LastSegment()}
}

// around tells which segments to read for the tokens just below id.
func (l *Counts) Around(id int64) Range {
	seg := SegmentOf(max(1, min(id-1, l.Given)))
	return Range{max(1, seg-1), seg}
}

// guess tells which segments to read to find the token after skip others.
// Their counts must reach from the token to the top or to the bottom, for
// its place is found by adding up; guess takes the nearer end and supposes
// that deletions are spread evenly, give or take a segment.
func (l *Counts) Guess(skip int64) Range {
	if l.LastSegment() == 0 || skip >= l.Total() {
		return Range{1, 0}
	}
	upperIDs := l.Given - SegmentSize
	upperLive := l.Total() - (SegmentSize - l.counts[0].sum())
	at := int64(0)
	if skip < upperLive {
		at = SegmentOf(l.Given - int64(float64(skip)*float64(upperIDs)/float64(upperLive)))
	}
	if l.LastSegment()-at < at {
		return Range{max(1, at-1), l.LastSegment()}
	}
	return Range{1, min(l.LastSegment(), at+1)}
}

// A span is a part of a bucket to read: newest first from id hi down to lo,
// or oldest first if ascending, at most limit tokens, of which the first
// drop do not count. By the counts it has at least want tokens to give.
type Span struct {
	Bucket, Lo, Hi    int64
	Ascending         bool
	Limit, Drop, Want int64
}

// promised counts what spans have to give, by the counts.
func Promised(spans []Span) (n int64) {
	for _, sp := range spans {
		n += sp.Want
	}
	return n
}

// plan lists the spans of the limit tokens after skip others, newest first.
// It is false if a segment is missing.
func (l *Counts) Plan(skip, limit int64) ([]Span, bool) {
	if skip >= l.Total() {
		return nil, true
	}
	bucket, rest, ok := l.fromTop(skip)
	if !ok {
		bucket, rest, ok = l.fromBottom(l.Total() - skip)
	}
	if !ok {
		return nil, false
	}
	return l.spans(bucket, rest, limit)
}

// fromTop finds the bucket of the token after skip others, and how many of
// these lie in that bucket.
func (l *Counts) fromTop(skip int64) (bucket, rest int64, ok bool) {
	for bucket := BucketOf(max(l.Given, 1)); bucket >= 0 && l.known(bucket); bucket-- {
		live := l.live(bucket)
		if skip < live {
			return bucket, skip, true
		}
		skip -= live
	}
	return 0, 0, false
}

// fromBottom finds the bucket of the token that is the rank-th from the
// bottom, and how many newer ones lie in that bucket.
func (l *Counts) fromBottom(rank int64) (bucket, rest int64, ok bool) {
	for bucket := int64(0); bucket <= BucketOf(max(l.Given, 1)) && l.known(bucket); bucket++ {
		live := l.live(bucket)
		if rank <= live {
			return bucket, live - rank, true
		}
		rank -= live
	}
	return 0, 0, false
}

// spans lists what to read for limit tokens from a bucket downwards, after
// skip others in it.
func (l *Counts) spans(bucket, skip, limit int64) ([]Span, bool) {
	var all []Span
	for ; bucket >= 0 && limit > 0; bucket-- {
		if !l.known(bucket) {
			return nil, false
		}
		if n := min(l.live(bucket)-skip, limit); n > 0 {
			all = append(all, l.span(bucket, skip, n))
			limit -= n
		}
		skip = 0
	}
	return all, true
}

// span reads n tokens of a bucket after skip others. In a bucket without
// deletions these are known ids; in any other it reads from the nearer end.
func (l *Counts) span(bucket, skip, n int64) Span {
	lo, hi := bucket*BucketSize+1, bucket*BucketSize+l.ids(bucket)
	live := l.live(bucket)
	switch {
	case live == l.ids(bucket):
		hi -= skip
		return Span{Bucket: bucket, Lo: hi - n + 1, Hi: hi, Limit: n, Want: n}
	case skip+n <= live-skip:
		return Span{Bucket: bucket, Lo: lo, Hi: hi, Limit: skip + n, Drop: skip, Want: n}
	default:
		older := live - skip - n
		return Span{Bucket: bucket, Lo: lo, Hi: hi, Ascending: true, Limit: older + n, Drop: older, Want: n}
	}
}

// window lists the spans of the tokens from id top down: whole buckets, as
// many as hold at most limit tokens in all, lie in known segments, and are
// no more than windowBuckets. It ends at id next, below which tokens may be
// left, or at the bottom, with 0. The counts bound what is read: a token that
// they do not count is newer than they are.
func (l *Counts) Window(top, limit int64) (all []Span, next int64) {
	for bucket := BucketOf(max(top, 1)); bucket >= 0; bucket-- {
		lo := bucket*BucketSize + 1
		hi := min(top, bucket*BucketSize+l.ids(bucket))
		if !l.known(bucket) {
			return all, lo + BucketSize
		}
		n := min(l.live(bucket), hi-lo+1)
		if n < 1 {
			continue
		}
		if n > limit || len(all) == maxWindowBuckets {
			return all, lo + BucketSize
		}
		all = append(all, Span{Bucket: bucket, Lo: lo, Hi: hi, Want: n})
		limit -= n
	}
	return all, 0
}

// below lists the spans of limit tokens with ids below id. How many of the
// first bucket's deletions lie below id is unknown: that bucket is read for
// all, and the next ones for what may be missing then.
func (l *Counts) Below(id, limit int64) ([]Span, bool) {
	top := min(id-1, l.Given)
	if top < 1 || limit < 1 {
		return nil, true
	}
	bucket := BucketOf(top)
	if !l.known(bucket) {
		return nil, false
	}
	lo := bucket*BucketSize + 1
	sure := min(limit, max(0, top-lo+1-(l.ids(bucket)-l.live(bucket))))
	first := Span{Bucket: bucket, Lo: lo, Hi: top, Limit: limit, Want: sure}
	more, ok := l.spans(bucket-1, 0, limit-sure)
	return append([]Span{first}, more...), ok
}
