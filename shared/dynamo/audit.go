package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A foldedEntry is an AUDIT item that a record makes.
type foldedEntry struct {
	record int // its index in the batch
	item   item
}

// addChange collects the AUDIT items of a record. It is false if the record is no
// administrative change. If some of a change can't be read, the items have the rest.
func (f *folder) addChange(i int, r StreamRecord) (bool, error) {
	entry, ok, err := entryOf(r)
	if ok {
		for _, it := range entryItems(entry) {
			f.entries = append(f.entries, foldedEntry{i, it})
		}
	}
	return ok, err
}

// putEntry stores an AUDIT item. Its key and its contents are a function of the
// record, so a repetition changes nothing.
func (s *Store) putEntry(ctx context.Context, it item) error {
	if _, err := s.put(ctx, it, newExpression(), retryIdempotent()); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// AuditOf returns up to limit entries of the audit trail of the caller or, if id is
// not 0, of one of its tokens, which may be deleted. They are those before the entry
// with the ID before, or the newest ones, newest first. If there may be more, next is
// the before of the next call.
func (s *Store) AuditOf(ctx context.Context, c token.Caller, id int64, before string, limit int64) (entries []history.Entry, next string, err error) {
	if err := s.Authorize(ctx, c); err != nil {
		return nil, "", err
	}
	return s.Audit(ctx, c.UserID, id, before, limit)
}

// Audit is AuditOf for the operator. User 0 is the whole deployment.
func (s *Store) Audit(ctx context.Context, userID, id int64, before string, limit int64) (entries []history.Entry, next string, err error) {
	for int64(len(entries)) < limit {
		found, more, err := s.queryAudit(ctx, auditPartition(userID, id), before, limit-int64(len(entries)))
		if err != nil {
			return nil, "", fmt.Errorf("read the audit trail of user %d: %w", userID, err)
		}
		for _, it := range found {
			entry, err := readEntry(it)
			if err != nil {
				return nil, "", fmt.Errorf("read the audit trail of user %d: %w", userID, err)
			}
			entries, before = append(entries, entry), entry.ID
		}
		if !more {
			return entries, "", nil
		}
	}
	return entries, before, nil
}

// queryAudit reads up to limit items of a partition, newest first; more says that there
// may be others.
func (s *Store) queryAudit(ctx context.Context, partition, before string, limit int64) (found []item, more bool, err error) {
	reads := retryReads()
	condition, values := PartitionKey+" = :partition", item{":partition": text(partition)}
	if before != "" {
		condition += " AND " + SortKey + " < :before"
		values[":before"] = decimal(before)
	}
	out, err := s.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: &condition, ExpressionAttributeValues: values,
		ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(min(limit, 1000))), //nolint:gosec // at most 1000
		ReturnConsumedCapacity: consumed,
	}, reads.configure)
	if err != nil {
		return nil, false, reads.explain(err)
	}
	return slices.Clip(out.Items), len(out.LastEvaluatedKey) > 0, nil
}
