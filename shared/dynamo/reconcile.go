package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Reconcile implements token.UserStore.
//
// It looks at a bucket at a time. An id that was given and has no item was
// removed, so it must be counted. Why a repair makes nothing worse, whatever
// goes on meanwhile:
//
//   - The bucket's counter is read first, then how many ids were given, then
//     the items. What is repaired, is so under the condition that the counter
//     is still the one that was read: nothing was counted in between. An id
//     that was given since the look lies above those looked at.
//   - An id that is missing may be that of a token which DynamoDB has removed
//     and the purge has not counted yet. The repair counts it, so it leaves
//     the purge's mark for it: the purge, when it comes, finds it done. Which
//     of the missing ids were counted is not known, so each gets a mark.
//   - A transaction takes 100 items. The marks that are too many for the one
//     that repairs are put before it. Should it not come to pass, a purge that
//     comes now counts nothing: the drift stays, and is not larger than it was
//     found. Reconciling again repairs it.
//   - A repair may lower a counter, and a deletion raise it to what it was. So
//     each repair asks for META's version and raises it: of two at once, one
//     looks again.
func (s *Store) Reconcile(ctx context.Context, userID, now int64, dryRun bool) (token.Reconciliation, error) {
	var out token.Reconciliation
	meta, _, err := s.counters(ctx, userID, 0)
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
	return out, nil
}

// counters reads a segment's counts, and then META: what was given and counted
// up to the time of the counts is in it.
func (s *Store) counters(ctx context.Context, userID, seg int64) (token.User, pages.Segment, error) {
	counts := pages.Segment{}
	if seg > 0 {
		it, err := s.getItem(ctx, segmentKey(userID, seg))
		if err != nil {
			return token.User{}, counts, err
		}
		if counts, err = readSegment(it); err != nil {
			return token.User{}, counts, err
		}
	}
	it, err := s.getItem(ctx, userKey(userID))
	if err != nil {
		return token.User{}, counts, err
	}
	meta, first, err := readUser(it, userID)
	if seg == 0 {
		counts = first
	}
	return meta, counts, err
}

func (s *Store) getItem(ctx context.Context, key item) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: key, ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: consumed,
	}, reading)
	if err != nil {
		return nil, failure(err)
	}
	return out.Item, nil
}

// reconcileBucket finishes the deletions of a bucket that were begun, and then
// repairs its counter. The drift is nil if there was none.
func (s *Store) reconcileBucket(ctx context.Context, userID, bucket, now int64, dryRun bool) (drift *token.Drift, unfinished int64, err error) {
	for attempt := range races {
		found, err := s.look(ctx, userID, bucket)
		if err != nil {
			return nil, unfinished, err
		}
		if len(found.killed) > 0 && !dryRun {
			for _, id := range found.killed {
				if err := s.bury(ctx, userID, id); err != nil {
					return nil, unfinished, err
				}
				unfinished++
			}
			continue
		}
		if dryRun {
			unfinished = int64(len(found.killed))
		}
		if found.counted == int64(len(found.missing)) {
			return nil, unfinished, nil
		}
		still, err := s.repair(ctx, userID, found, now, dryRun)
		if err != nil {
			return nil, unfinished, err
		}
		if still {
			return &token.Drift{FirstID: found.first, LastID: found.last, Recorded: found.counted, Actual: int64(len(found.missing))}, unfinished, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, unfinished, err
		}
	}
	return nil, unfinished, token.ErrContention
}

// A looked is what was found of a bucket.
type looked struct {
	bucket, first, last int64
	counted, version    int64
	missing, killed     []int64
}

func (s *Store) look(ctx context.Context, userID, bucket int64) (looked, error) {
	meta, counts, err := s.counters(ctx, userID, bucket/pages.SegmentBuckets)
	if err != nil {
		return looked{}, err
	}
	found := looked{
		bucket: bucket, first: bucket*pages.BucketSize + 1, last: min((bucket+1)*pages.BucketSize, meta.LastTokenID),
		counted: counts[bucket%pages.SegmentBuckets], version: meta.Version,
	}
	items, err := s.query(ctx, tokenPartition(userID, bucket), pages.Span{Lo: found.first, Hi: max(found.first, found.last), Ascending: true})
	if err != nil {
		return looked{}, err
	}
	stored := map[int64]bool{}
	for _, it := range items {
		r := reader{item: it}
		id := r.number(SortKey)
		if r.err != nil {
			return looked{}, r.err
		}
		if stored[id] = true; killed(it) && id <= found.last {
			found.killed = append(found.killed, id)
		}
	}
	for id := found.first; id <= found.last; id++ {
		if !stored[id] {
			found.missing = append(found.missing, id)
		}
	}
	return found, nil
}

// repair sets a bucket's counter to what was found. It is false if the
// counters are no longer those that were read. A dry run only finds that out.
func (s *Store) repair(ctx context.Context, userID int64, found looked, now int64, dryRun bool) (bool, error) {
	if dryRun {
		meta, counts, err := s.counters(ctx, userID, found.bucket/pages.SegmentBuckets)
		return counts[found.bucket%pages.SegmentBuckets] == found.counted && meta.Version == found.version, err
	}
	var marks []types.TransactWriteItem
	for _, id := range found.missing {
		marks = append(marks, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: markItem(userID, id, now)}})
	}
	const most = 100 - 2 // beside the counters
	for len(marks) > most {
		if _, err := s.transact(ctx, marks[:most]...); err != nil {
			return false, err
		}
		marks = marks[most:]
	}
	reasons, err := s.transact(ctx, append(s.correction(userID, found), marks...)...)
	if reasons != nil {
		return false, nil
	}
	return err == nil, err
}

// correction corrects a bucket's counter, and the user's by as much.
func (s *Store) correction(userID int64, found looked) []types.TransactWriteItem {
	attr := attrBucketPrefix + fmt.Sprint(found.bucket%pages.SegmentBuckets)
	change := int64(len(found.missing)) - found.counted
	meta, bucket := newExpression(), newExpression()
	inMeta := found.bucket < pages.SegmentBuckets
	if inMeta {
		bucket = meta
	}
	if found.counted == 0 {
		bucket.require(bucket.name(attr).absent() + " OR " + bucket.name(attr).is(0))
	} else {
		bucket.require(bucket.name(attr).is(found.counted))
	}
	bucket.add(attr, change)
	meta.require(meta.name(attrVersion).is(found.version))
	meta.add(attrVersion, 1)
	meta.add(attrDeleted, change)
	writes := s.updates(userKey(userID), meta)
	if inMeta {
		return writes
	}
	return append(writes, s.updates(segmentKey(userID, found.bucket/pages.SegmentBuckets), bucket)...)
}

// reconcileTotal sets the user's counter to the sum of the buckets'. Whatever
// is counted is counted in both, so the sum is right if the user's counter is
// after the reading what it was before.
func (s *Store) reconcileTotal(ctx context.Context, userID int64, dryRun bool) (*token.Drift, error) {
	for attempt := range races {
		meta, counts, err := s.counters(ctx, userID, 0)
		if err != nil {
			return nil, err
		}
		l := pages.New(meta.LastTokenID, meta.DeletedTokens, counts)
		if err := s.readSegments(ctx, userID, l, pages.Range{Lo: 1, Hi: l.LastSegment()}); err != nil {
			return nil, err
		}
		sum := l.SumOfSegments()
		if sum == meta.DeletedTokens {
			return nil, nil //nolint:nilnil // no drift is no error
		}
		same, err := s.setTotal(ctx, meta, sum, dryRun)
		if err != nil {
			return nil, err
		}
		if same {
			return &token.Drift{FirstID: 1, LastID: meta.LastTokenID, Recorded: meta.DeletedTokens, Actual: sum}, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, token.ErrContention
}

func (s *Store) setTotal(ctx context.Context, meta token.User, sum int64, dryRun bool) (bool, error) {
	if dryRun {
		now, _, err := s.counters(ctx, meta.ID, 0)
		return now.DeletedTokens == meta.DeletedTokens && now.Version == meta.Version, err
	}
	e := newExpression()
	e.require(e.name(attrDeleted).is(meta.DeletedTokens))
	e.require(e.name(attrVersion).is(meta.Version))
	e.set(attrDeleted, number(sum))
	e.add(attrVersion, 1)
	_, err := s.client.UpdateItem(ctx, s.updateInput(userKey(meta.ID), e))
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return false, nil
	}
	return err == nil, writeFailure(err)
}
