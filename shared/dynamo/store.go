// Package dynamo stores users and tokens in one DynamoDB table.
//
// Store implements the store interfaces of packages token and quota. They have
// the rules; this package has the items, which ARCHITECTURE.md describes, and
// the calls. Under shared/, only boot, this package and its subpackage stream
// import the AWS SDK.
package dynamo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A Store is a token.Store, token.UserStore, quota.Store, webhook.Store, history.Store and
// price.Source in one table. It is safe for concurrent use.
type Store struct {
	client           *dynamodb.Client
	table            string
	retentionSeconds int64
	seen             seenTokens
	debtors          recent[int64, *changeDebtor] // by user; what a forgotten one owes is forgotten, too
	totals           usableTotals
	policies         knownPolicies
	foreign          recent[[32]byte, token.Address] // where the tokens of foreign keys are, by the hash of the key
	foldNoted        atomic.Int64                    // the Unix second at which this process last wrote the FOLD item
}

var (
	_ token.Store     = (*Store)(nil)
	_ token.UserStore = (*Store)(nil)
	_ quota.Store     = (*Store)(nil)
	_ price.Source    = (*Store)(nil)
	_ webhook.Store   = (*Store)(nil)
	_ history.Store   = (*Store)(nil)
)

// DefaultRetention is how long a token is kept after it has expired, before
// DynamoDB may remove it. A token whose expiry is set to a time in the past is
// kept that long from the change on.
//
// MinRetention is the shortest retention: a hold that was made in the last
// second of a token can be settled, and the settlement repeated, until the
// token's item may be removed.
const (
	DefaultRetention = 30 * 24 * time.Hour
	MinRetention     = (quota.MaxHoldSeconds + quota.RecordSeconds) * time.Second
)

// An Option changes a setting of a new Store.
type Option func(*Store)

// WithRetention sets how long a token is kept after it has expired, instead of
// DefaultRetention. Fractions of a second are dropped. A time below MinRetention
// counts as MinRetention.
func WithRetention(d time.Duration) Option {
	return func(s *Store) { s.retentionSeconds = int64(max(d, MinRetention) / time.Second) }
}

// New makes a store on a table. Make the client with NewClient: its timeouts
// suit a request, and it counts units and round trips for the request log.
func New(client *dynamodb.Client, table string, options ...Option) *Store {
	s := &Store{client: client, table: table, retentionSeconds: int64(DefaultRetention / time.Second)}
	s.foreign.most = 100_000 // each saves a read, and is small
	for _, option := range options {
		option(s)
	}
	return s
}

// Authorize implements token.Store.
func (s *Store) Authorize(ctx context.Context, c token.Caller) error {
	_, _, err := s.readCaller(ctx, c)
	return err
}

// readCaller reads META, authorizes the caller, and returns the user and the
// counts that a list needs.
func (s *Store) readCaller(ctx context.Context, c token.Caller) (token.User, *pages.Counts, error) {
	meta, err := s.get(ctx, userKey(c.UserID))
	if err != nil {
		return token.User{}, nil, fmt.Errorf("read user %d: %w", c.UserID, err)
	}
	return authorizeUser(meta, c)
}

// authorizeUser is readCaller for a META item that was already read.
func authorizeUser(meta item, c token.Caller) (token.User, *pages.Counts, error) {
	u, first, err := readUser(meta, c.UserID)
	if err != nil {
		return token.User{}, nil, fmt.Errorf("read user %d: %w", c.UserID, err)
	}
	if err := c.Authorize(u); err != nil {
		return token.User{}, nil, err
	}
	return u, pages.New(u.LastTokenID, u.DeletedTokens, first), nil
}

// Get implements token.Store. It reads the user and the token in one round
// trip.
func (s *Store) Get(ctx context.Context, c token.Caller, id int64) (token.Token, error) {
	found, err := s.GetAll(ctx, c, []int64{id})
	if err != nil {
		return token.Token{}, err
	}
	t, ok := found[id]
	if !ok {
		return token.Token{}, token.ErrNotFound
	}
	return t, nil
}

// GetAll implements token.Store. It reads the user and up to 99 tokens in one
// round trip.
func (s *Store) GetAll(ctx context.Context, c token.Caller, ids []int64) (map[int64]token.Token, error) {
	keys := []item{userKey(c.UserID)}
	for _, id := range ids {
		keys = append(keys, tokenKey(c.UserID, id))
	}
	found, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("read tokens %d of user %d: %w", ids, c.UserID, err)
	}
	if _, _, err := authorizeUser(found[0], c); err != nil {
		return nil, err
	}
	tokens := map[int64]token.Token{}
	for _, it := range found[1:] {
		if it == nil || revoked(it) {
			continue
		}
		t, err := readToken(it, c.UserID)
		if err != nil {
			return nil, err
		}
		tokens[t.ID] = t
	}
	return tokens, nil
}

// startBatch reads the tokens of a batch and passes to plan which of them exist.
// It returns the items by their ids, also of revoked tokens.
func (s *Store) startBatch(ctx context.Context, userID int64, ids []int64, plan token.BatchPlan) (map[int64]item, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = tokenKey(userID, id)
	}
	found, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("look for tokens of user %d: %w", userID, err)
	}
	stored, exist := map[int64]item{}, make([]bool, len(ids))
	for i, it := range found {
		stored[ids[i]] = it
		exist[i] = it != nil && !revoked(it)
	}
	if plan == nil {
		return stored, nil
	}
	return stored, plan(exist)
}
