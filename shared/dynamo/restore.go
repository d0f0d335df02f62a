package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Restore makes a table that was restored from a backup as narrow as the live
// table that the backup is of. ADR 29 lists what it does with each attribute.
//
// Every write requires the item to be as it was read, and the result of each is
// the same if it is made again. So a Restore that ends early can be repeated.
type Restore struct {
	Live   *Store
	Skip   []narrow.Kind // differences that stay
	Now    int64         // Unix seconds
	DryRun bool
	Report token.Progress // with the number of users
}

// A RestoreReport says what a Restore has changed, or with DryRun would change.
type RestoreReport struct {
	Users, Tokens       int64 // in the restored table
	Changed             map[narrow.Kind]int64
	NewUsers, NewTokens int64           // only in the live table
	Disabled            []token.Address // tokens that can't have the limits of both tables
}

// The reasons why a Restore refuses, before it changes anything.
var (
	// ErrNoUsers means that one of the tables has no users.
	ErrNoUsers = errors.New("the table has no users")
	// ErrOtherDeployment means that a user has another name or creation time in the
	// live table.
	ErrOtherDeployment = errors.New("the tables have different users")
	// ErrRestoredIsNewer means that the restored table has ids that the live table
	// has not given yet.
	ErrRestoredIsNewer = errors.New("the restored table is newer than the live one")
	// ErrRestoredIsOlder means that the restored table was created before the live
	// one. Restoring a backup makes a new table.
	ErrRestoredIsOlder = errors.New("the restored table was created before the live one")
)

// A RestoreError is one of the reasons with the user that it is about.
type RestoreError struct {
	User   string
	Reason error
}

func (e *RestoreError) Error() string { return "user " + e.User + ": " + e.Reason.Error() }

// Unwrap returns the reason.
func (e *RestoreError) Unwrap() error { return e.Reason }

// maxParallelUsers is how many users a Restore works on at a time.
const maxParallelUsers = 4

// restoration is one run of a Restore.
type restoration struct {
	Restore
	to     *Store
	mu     sync.Mutex
	report RestoreReport
}

// Restore makes the store's table as narrow as a live one. It may report what was
// done before an error.
func (s *Store) Restore(ctx context.Context, r Restore) (RestoreReport, error) {
	run := &restoration{Restore: r, to: s, report: RestoreReport{Changed: map[narrow.Kind]int64{}}}
	users, err := run.findUsers(ctx)
	if err != nil {
		return run.report, err
	}
	if err := run.checkAge(ctx); err != nil {
		return run.report, err
	}
	if err := run.prices(ctx); err != nil {
		return run.report, err
	}
	errs := make([]error, len(users))
	done := int64(0)
	inParallel(len(users), maxParallelUsers, func(i int) {
		errs[i] = run.user(ctx, users[i])
		run.mu.Lock()
		defer run.mu.Unlock()
		done++
		r.Report.Report(done, int64(len(users)))
	})
	return run.report, errors.Join(errs...)
}

func (r *restoration) skips(k narrow.Kind) bool { return slices.Contains(r.Skip, k) }

func (r *restoration) count(kinds ...narrow.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range kinds {
		r.report.Changed[k]++
	}
}

// restoredUser is the same user in both tables. A user without a name is missing or
// was deleted.
type restoredUser struct {
	id             int64
	live, restored token.User
	known          bool // the live table has given the id
}

// findUsers returns the users of both tables, by id, after it has checked that the
// restored table is of the live one.
func (r *restoration) findUsers(ctx context.Context) ([]restoredUser, error) {
	live, err := r.Live.userIDs(ctx)
	if err != nil {
		return nil, &TableError{r.Live.table, err}
	}
	restored, err := r.to.userIDs(ctx)
	switch {
	case err != nil:
		return nil, &TableError{r.to.table, err}
	case len(live) == 0:
		return nil, &TableError{r.Live.table, ErrNoUsers}
	case len(restored) == 0:
		return nil, &TableError{r.to.table, ErrNoUsers}
	}
	ids := slices.Concat(live, restored)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var users []restoredUser
	for batch := range slices.Chunk(ids, maxBatchKeys) {
		l, err := r.Live.usersByID(ctx, batch)
		if err != nil {
			return nil, &TableError{r.Live.table, err}
		}
		t, err := r.to.usersByID(ctx, batch)
		if err != nil {
			return nil, &TableError{r.to.table, err}
		}
		for i, id := range batch {
			u := restoredUser{id, l[i], t[i], slices.Contains(live, id)}
			if err := r.checkUser(u); err != nil {
				return nil, err
			}
			users = append(users, u)
		}
	}
	return users, nil
}

// checkUser refuses a user that can't be in a backup of the live table.
func (r *restoration) checkUser(u restoredUser) error {
	switch {
	case u.restored.Name == "":
		return nil
	case !u.known && !r.skips(narrow.UsersDeleted):
		return &RestoreError{u.restored.Name, ErrOtherDeployment}
	case u.live.Name == "":
		return nil
	case u.live.Name != u.restored.Name, u.live.Created != u.restored.Created:
		return &RestoreError{u.restored.Name, ErrOtherDeployment}
	case u.restored.LastTokenID > u.live.LastTokenID:
		return &RestoreError{u.restored.Name, ErrRestoredIsNewer}
	default:
		return nil
	}
}

// checkAge refuses a table that can't be restored from a backup of the live one,
// because it is older.
func (r *restoration) checkAge(ctx context.Context) error {
	live, err := r.Live.created(ctx)
	if err != nil {
		return err
	}
	restored, err := r.to.created(ctx)
	if err != nil {
		return err
	}
	if restored.Before(live) {
		return ErrRestoredIsOlder
	}
	return nil
}

// created returns when the table was created.
func (s *Store) created(ctx context.Context) (time.Time, error) {
	table, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	if err != nil {
		return time.Time{}, &TableError{s.table, fmt.Errorf("describe table: %w", retryReads().explain(err))}
	}
	return aws.ToTime(table.Table.CreationDateTime), nil
}

// A TableError is an error about one of the two tables.
type TableError struct {
	Table string
	Err   error
}

func (e *TableError) Error() string { return "table " + e.Table + ": " + e.Err.Error() }

// Unwrap returns the error.
func (e *TableError) Unwrap() error { return e.Err }

// userIDs returns the ids of all users, also of deleted ones.
func (s *Store) userIDs(ctx context.Context) ([]int64, error) {
	entries, err := s.query(ctx, directoryPartition, pages.Span{Lo: 1, Hi: token.MaxInteger, Ascending: true})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	ids := make([]int64, len(entries))
	for i, it := range entries {
		r := reader{item: it}
		ids[i] = r.number(SortKey)
		if r.err != nil {
			return nil, r.err
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// usersByID returns users in the order of their ids. One who was deleted has no
// name, and neither has one who is missing.
func (s *Store) usersByID(ctx context.Context, ids []int64) ([]token.User, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = userKey(id)
	}
	found, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	users := make([]token.User, len(ids))
	for i, id := range ids {
		if users[i], _, err = readUser(found[i], id); err != nil {
			return nil, fmt.Errorf("read user %d: %w", id, err)
		}
	}
	return users, nil
}

// prices copies a newer price table.
func (r *restoration) prices(ctx context.Context) error {
	live, err := r.Live.get(ctx, pricesKey())
	if err != nil {
		return &TableError{r.Live.table, err}
	}
	restored, err := r.to.get(ctx, pricesKey())
	if err != nil {
		return &TableError{r.to.table, err}
	}
	newer, older := reader{item: live}, reader{item: restored}
	if newer.number(attrRevision) <= older.number(attrRevision) || r.skips(narrow.Prices) {
		return nil
	}
	r.count(narrow.Prices)
	e := newExpression()
	requireSame(e, attrRevision, restored[attrRevision])
	return r.put(ctx, live, e)
}

// put stores an item if the condition holds, unless this is a dry run.
func (r *restoration) put(ctx context.Context, it item, e *expression) error {
	if r.DryRun {
		return nil
	}
	found, err := r.to.put(ctx, it, e, retryIdempotent())
	switch {
	case err != nil:
		return &TableError{r.to.table, err}
	case !sameNumber(found, it, attrRevision) || !sameNumber(found, it, attrVersion):
		return &TableError{r.to.table, token.ErrContention}
	default:
		return nil
	}
}

func sameNumber(a, b item, attr string) bool {
	x, _ := a[attr].(*types.AttributeValueMemberN)
	y, _ := b[attr].(*types.AttributeValueMemberN)
	return x == nil && y == nil || x != nil && y != nil && x.Value == y.Value
}
