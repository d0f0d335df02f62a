package dynamo

// Where a page lies is arithmetic. A user's ids are dense, and deletions are
// counted per bucket, so live tokens in a bucket = ids given - deleted. The
// ledger holds these counts, as far as they have been read, and plans which
// parts of which buckets to read.

// A segment counts the deletions in each of its buckets.
type segment [segmentBuckets]int64

func (s segment) sum() (n int64) {
	for _, d := range s {
		n += d
	}
	return n
}

type ledger struct {
	given   int64 // ids ever given
	deleted int64 // deletions in all segments
	// counts of the segments that were read: 0 always, and lo … hi. One that
	// has no entry has no deletions.
	counts map[int64]segment
	lo, hi int64
}

func newLedger(given, deleted int64, first segment) *ledger {
	return &ledger{given: given, deleted: deleted, counts: map[int64]segment{0: first}, lo: 1}
}

// last is the highest segment that has ids.
func (l *ledger) last() int64 { return segmentOf(max(l.given, 1)) }

func (l *ledger) total() int64 { return l.given - l.deleted }

func (l *ledger) known(bucket int64) bool {
	seg := bucket / segmentBuckets
	return seg == 0 || l.lo <= seg && seg <= l.hi
}

// live counts the tokens of a known bucket.
func (l *ledger) live(bucket int64) int64 {
	return l.ids(bucket) - l.counts[bucket/segmentBuckets][bucket%segmentBuckets]
}

// ids counts the ids given in a bucket.
func (l *ledger) ids(bucket int64) int64 {
	return max(0, min(l.given-bucket*bucketSize, bucketSize))
}

// A segmentRange is lo … hi, empty if lo > hi.
type segmentRange struct{ lo, hi int64 }

// missing is what a plan lacks that came to an end of the known segments.
func (l *ledger) missing() segmentRange {
	if l.lo > 1 {
		return segmentRange{1, l.lo - 1}
	}
	return segmentRange{l.hi + 1, l.last()}
}

// around tells which segments to read for the tokens just below id.
func (l *ledger) around(id int64) segmentRange {
	seg := segmentOf(max(1, min(id-1, l.given)))
	return segmentRange{max(1, seg-1), seg}
}

// guess tells which segments to read to find the token after skip others.
// Their counts must reach from the token to the top or to the bottom, for
// its place is found by adding up; guess takes the nearer end and supposes
// that deletions are spread evenly, give or take a segment.
func (l *ledger) guess(skip int64) segmentRange {
	if l.last() == 0 || skip >= l.total() {
		return segmentRange{1, 0}
	}
	upperIDs := l.given - segmentSize
	upperLive := l.total() - (segmentSize - l.counts[0].sum())
	at := int64(0)
	if skip < upperLive {
		at = segmentOf(l.given - int64(float64(skip)*float64(upperIDs)/float64(upperLive)))
	}
	if l.last()-at < at {
		return segmentRange{max(1, at-1), l.last()}
	}
	return segmentRange{1, min(l.last(), at+1)}
}

// A span is a part of a bucket to read: newest first from id hi down to lo,
// or oldest first if ascending, at most limit tokens, of which the first
// drop do not count. By the counts it has at least want tokens to give.
type span struct {
	bucket, lo, hi    int64
	ascending         bool
	limit, drop, want int64
}

// promised counts what spans have to give, by the counts.
func promised(spans []span) (n int64) {
	for _, sp := range spans {
		n += sp.want
	}
	return n
}

// plan lists the spans of the limit tokens after skip others, newest first.
// It is false if a segment is missing.
func (l *ledger) plan(skip, limit int64) ([]span, bool) {
	if skip >= l.total() {
		return nil, true
	}
	bucket, rest, ok := l.fromTop(skip)
	if !ok {
		bucket, rest, ok = l.fromBottom(l.total() - skip)
	}
	if !ok {
		return nil, false
	}
	return l.spans(bucket, rest, limit)
}

// fromTop finds the bucket of the token after skip others, and how many of
// these lie in that bucket.
func (l *ledger) fromTop(skip int64) (bucket, rest int64, ok bool) {
	for bucket := bucketOf(max(l.given, 1)); bucket >= 0 && l.known(bucket); bucket-- {
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
func (l *ledger) fromBottom(rank int64) (bucket, rest int64, ok bool) {
	for bucket := int64(0); bucket <= bucketOf(max(l.given, 1)) && l.known(bucket); bucket++ {
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
func (l *ledger) spans(bucket, skip, limit int64) ([]span, bool) {
	var all []span
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
func (l *ledger) span(bucket, skip, n int64) span {
	lo, hi := bucket*bucketSize+1, bucket*bucketSize+l.ids(bucket)
	live := l.live(bucket)
	switch {
	case live == l.ids(bucket):
		hi -= skip
		return span{bucket: bucket, lo: hi - n + 1, hi: hi, limit: n, want: n}
	case skip+n <= live-skip:
		return span{bucket: bucket, lo: lo, hi: hi, limit: skip + n, drop: skip, want: n}
	default:
		older := live - skip - n
		return span{bucket: bucket, lo: lo, hi: hi, ascending: true, limit: older + n, drop: older, want: n}
	}
}

// window lists the spans of the tokens from id top down: whole buckets, as
// many as hold at most limit tokens in all, lie in known segments, and are
// no more than windowBuckets. It ends at id next, below which tokens may be
// left, or at the bottom, with 0. The counts bound what is read: a token that
// they do not count is newer than they are.
func (l *ledger) window(top, limit int64) (all []span, next int64) {
	for bucket := bucketOf(max(top, 1)); bucket >= 0; bucket-- {
		lo := bucket*bucketSize + 1
		hi := min(top, bucket*bucketSize+l.ids(bucket))
		if !l.known(bucket) {
			return all, lo + bucketSize
		}
		n := min(l.live(bucket), hi-lo+1)
		if n < 1 {
			continue
		}
		if n > limit || len(all) == windowBuckets {
			return all, lo + bucketSize
		}
		all = append(all, span{bucket: bucket, lo: lo, hi: hi, want: n})
		limit -= n
	}
	return all, 0
}

// below lists the spans of limit tokens with ids below id. How many of the
// first bucket's deletions lie below id is unknown: that bucket is read for
// all, and the next ones for what may be missing then.
func (l *ledger) below(id, limit int64) ([]span, bool) {
	top := min(id-1, l.given)
	if top < 1 || limit < 1 {
		return nil, true
	}
	bucket := bucketOf(top)
	if !l.known(bucket) {
		return nil, false
	}
	lo := bucket*bucketSize + 1
	sure := min(limit, max(0, top-lo+1-(l.ids(bucket)-l.live(bucket))))
	first := span{bucket: bucket, lo: lo, hi: top, limit: limit, want: sure}
	more, ok := l.spans(bucket-1, 0, limit-sure)
	return append([]span{first}, more...), ok
}
