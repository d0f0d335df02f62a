package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Reconcile implements token.UserStore.
//
// It checks one bucket at a time. An id that was given and has no item was
// removed, so the bucket's counter must include it. Other callers and the
// purge may work at the same time; these rules keep the counts right:
//
//   - Reconcile reads the bucket's counter, then the number of ids given, then
//     the items. It repairs the counter only if its value is still the one that
//     was read, so nothing was counted in between. An id given since then is
//     above the ids that were checked.
//   - A missing id may belong to a token that DynamoDB has removed and the
//     purge has not counted yet. The repair counts that id. It also stores the
//     purge's MARK item, so that the purge does not count the id again.
//     Reconcile can't tell which missing ids were counted before, so it stores
//     a mark for each.
//   - A transaction has at most 100 items. Marks beyond that are stored before
//     the repair. If the repair then does not happen, a purge in the meantime
//     counts nothing: the counter stays as wrong as it was, and the next
//     Reconcile repairs it.
//   - A repair may lower a counter and a deletion raise it to the same value
//     again. So each repair requires META's version and increments it: of two
//     repairs at the same time, one has to read again.
func (s *Store) Reconcile(ctx context.Context, userID, now int64, dryRun bool) (token.Reconciliation, error) {
	var out token.Reconciliation
	meta, _, err := s.readCounters(ctx, userID, 0)
	if err != nil {
		return out, err
	}
	for bucket := range pages.BucketOf(max(meta.LastTokenID, 1)) + 1 {
		drift, unfinished, err := s.reconcileBucket(ctx, userID, bucket, now, dryRun)
		if err != nil {
			return out, fmt.Errorf("reconcile bucket %d of user %d: %w", bucket, userID, err)
		}
		out.Buckets++
		out.Unfinished += unfinished
		if drift != nil {
			out.Drifts = append(out.Drifts, *drift)
		}
	}
	out.Total, err = s.reconcileTotal(ctx, userID, dryRun)
	if err != nil {
		return out, fmt.Errorf("reconcile the total of user %d: %w", userID, err)
	}
	out.Missing, err = s.reconcileWallet(ctx, userID, now, dryRun)
	if err != nil {
		return out, fmt.Errorf("reconcile the budget of user %d: %w", userID, err)
	}
	return out, nil
}

// readCounters reads a segment's counts and then META, which is therefore at
// least as new as the counts.
func (s *Store) readCounters(ctx context.Context, userID, seg int64) (token.User, pages.Segment, error) {
	counts := pages.Segment{}
	if seg > 0 {
		it, err := s.get(ctx, segmentKey(userID, seg))
		if err != nil {
			return token.User{}, counts, err
		}
		if counts, err = readSegment(it); err != nil {
			return token.User{}, counts, err
		}
	}
	it, err := s.get(ctx, userKey(userID))
	if err != nil {
		return token.User{}, counts, err
	}
	meta, first, err := readUser(it, userID)
	if seg == 0 {
		counts = first
	}
	return meta, counts, err
}

// reconcileBucket finishes the interrupted deletions of a bucket and repairs
// its counter. The drift is nil if the counter was right.
func (s *Store) reconcileBucket(ctx context.Context, userID, bucket, now int64, dryRun bool) (drift *token.Drift, unfinished int64, err error) {
	for attempt := range maxReconcileAttempts {
		found, err := s.readBucket(ctx, userID, bucket)
		if err != nil {
			return nil, unfinished, err
		}
		if len(found.revoked) > 0 && !dryRun {
			for id, it := range found.revoked {
				if err := s.removeRevoked(ctx, userID, id, it); err != nil {
					return nil, unfinished, err
				}
				unfinished++
			}
			continue
		}
		if dryRun {
			unfinished = int64(len(found.revoked))
		}
		if found.counted == int64(len(found.missing)) {
			return nil, unfinished, nil
		}
		unchanged, err := s.repairBucket(ctx, userID, found, now, dryRun)
		if err != nil {
			return nil, unfinished, err
		}
		if unchanged {
			return &token.Drift{FirstID: found.first, LastID: found.last, Recorded: found.counted, Actual: int64(len(found.missing))}, unfinished, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, unfinished, err
		}
	}
	return nil, unfinished, token.ErrContention
}

// A bucketState is what was found in a bucket.
type bucketState struct {
	bucket, first, last int64          // first and last id
	counted             int64          // deletions that the bucket's counter has
	version             int64          // of META
	missing             []int64        // ids without an item
	revoked             map[int64]item // items of revoked tokens
}

// segment is the bucket's segment; index, its place in that.
func (b bucketState) segment() int64 { return b.bucket / pages.SegmentBuckets }
func (b bucketState) index() int64   { return b.bucket % pages.SegmentBuckets }

func (s *Store) readBucket(ctx context.Context, userID, bucket int64) (bucketState, error) {
	found := bucketState{bucket: bucket, first: bucket*pages.BucketSize + 1}
	meta, counts, err := s.readCounters(ctx, userID, found.segment())
	if err != nil {
		return bucketState{}, err
	}
	found.last = min((bucket+1)*pages.BucketSize, meta.LastTokenID)
	found.counted, found.version = counts[found.index()], meta.Version
	items, err := s.query(ctx, tokenPartition(userID, bucket), pages.Span{Lo: found.first, Hi: max(found.first, found.last), Ascending: true})
	if err != nil {
		return bucketState{}, err
	}
	stored := map[int64]bool{}
	found.revoked = map[int64]item{}
	for _, it := range items {
		r := reader{item: it}
		id := r.number(SortKey)
		if r.err != nil {
			return bucketState{}, r.err
		}
		if stored[id] = true; revoked(it) && id <= found.last {
			found.revoked[id] = it // with its foreign key, which goes with the token
		}
	}
	for id := found.first; id <= found.last; id++ {
		if !stored[id] {
			found.missing = append(found.missing, id)
		}
	}
	return found, nil
}

// repairBucket sets a bucket's counter to what was found. It returns false if
// the counters have changed since they were read. A dry run only checks that.
func (s *Store) repairBucket(ctx context.Context, userID int64, found bucketState, now int64, dryRun bool) (bool, error) {
	if dryRun {
		meta, counts, err := s.readCounters(ctx, userID, found.segment())
		return counts[found.index()] == found.counted && meta.Version == found.version, err
	}
	var marks []write
	for _, id := range found.missing {
		marks = append(marks, s.keepMark(userID, id, now))
	}
	repair := s.repairWrites(userID, found, operatorOf(ctx))
	const maxMarks = maxTransactWrites - 2 // the repair needs up to two writes
	for len(marks) > maxMarks {
		if _, err := s.transact(ctx, marks[:maxMarks]...); err != nil {
			return false, err
		}
		marks = marks[maxMarks:]
	}
	reasons, err := s.transact(ctx, append(repair, marks...)...)
	if reasons != nil {
		return false, nil
	}
	return err == nil, err
}

// repairWrites correct a bucket's counter, and the user's by the same number.
func (s *Store) repairWrites(userID int64, found bucketState, by changer) []write {
	counter := bucketAttribute(found.bucket)
	change := int64(len(found.missing)) - found.counted
	meta, segment := newExpression(), newExpression()
	inMeta := found.segment() == 0
	if inMeta {
		segment = meta
	}
	if found.counted == 0 {
		segment.require(segment.name(counter).absent() + " OR " + segment.name(counter).equals(0))
	} else {
		segment.require(segment.name(counter).equals(found.counted))
	}
	segment.add(counter, change)
	meta.require(meta.name(attrVersion).equals(found.version))
	meta.add(attrVersion, 1)
	meta.add(attrDeletedTokens, change)
	meta.set(attrNote, by.note(history.UserRecounted))
	if inMeta {
		return []write{s.updateWrite(userKey(userID), meta)}
	}
	return []write{s.updateWrite(userKey(userID), meta), s.updateWrite(segmentKey(userID, found.segment()), segment)}
}

// reconcileTotal sets the user's counter to the sum of the buckets' counters.
// A deletion raises both in one transaction, so the sum is right if the user's
// counter has not changed while the buckets' were read.
func (s *Store) reconcileTotal(ctx context.Context, userID int64, dryRun bool) (*token.Drift, error) {
	for attempt := range maxReconcileAttempts {
		meta, first, err := s.readCounters(ctx, userID, 0)
		if err != nil {
			return nil, err
		}
		counts := pages.New(meta.LastTokenID, meta.DeletedTokens, first)
		if err := s.readSegments(ctx, userID, counts, pages.Range{Lo: 1, Hi: counts.LastSegment()}); err != nil {
			return nil, err
		}
		sum := counts.SumOfSegments()
		if sum == meta.DeletedTokens {
			return nil, nil //nolint:nilnil // no drift is not an error
		}
		unchanged, err := s.setTotal(ctx, meta, sum, dryRun)
		if err != nil {
			return nil, err
		}
		if unchanged {
			return &token.Drift{FirstID: 1, LastID: meta.LastTokenID, Recorded: meta.DeletedTokens, Actual: sum}, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, token.ErrContention
}

// setTotal sets the user's counter. It returns false if META has changed since
// it was read. A dry run only checks that.
func (s *Store) setTotal(ctx context.Context, meta token.User, sum int64, dryRun bool) (bool, error) {
	if dryRun {
		now, _, err := s.readCounters(ctx, meta.ID, 0)
		return now.DeletedTokens == meta.DeletedTokens && now.Version == meta.Version, err
	}
	e := newExpression()
	e.require(e.name(attrDeletedTokens).equals(meta.DeletedTokens))
	e.require(e.name(attrVersion).equals(meta.Version))
	e.set(attrDeletedTokens, number(sum))
	e.set(attrNote, operatorOf(ctx).note(history.UserRecounted))
	e.add(attrVersion, 1)
	_, applied, err := s.update(ctx, userKey(meta.ID), e, retryNotApplied())
	return applied, err
}
