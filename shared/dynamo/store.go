package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Store is a token.Store, token.UserStore and quota.Store in one table.
type Store struct {
	client           *dynamodb.Client
	table            string
	retentionSeconds int64
}

var (
	_ token.Store     = (*Store)(nil)
	_ token.UserStore = (*Store)(nil)
	_ quota.Store     = (*Store)(nil)
)

// DefaultRetention is how long an expired token stays before DynamoDB may
// remove it.
const DefaultRetention = 30 * 24 * time.Hour

// An Option changes how a store works.
type Option func(*Store)

// WithRetention sets how long an expired token stays before DynamoDB may remove
// it, instead of DefaultRetention. It is counted in whole seconds.
func WithRetention(d time.Duration) Option {
	return func(s *Store) { s.retentionSeconds = int64(d / time.Second) }
}

// New makes a store on a table. Use a client of NewClient: its timeouts suit
// a request, and it repeats no call that is unsafe to repeat.
func New(client *dynamodb.Client, table string, options ...Option) *Store {
	s := &Store{client: client, table: table, retentionSeconds: int64(DefaultRetention / time.Second)}
	for _, option := range options {
		option(s)
	}
	return s
}

const consumed = types.ReturnConsumedCapacityTotal

// Admit implements token.Store.
func (s *Store) Authorize(ctx context.Context, c token.Caller) error {
	_, _, err := s.admit(ctx, c)
	return err
}

// admit reads META, once and consistently, and asks the caller's test. The
// same item holds the counts that a list needs.
func (s *Store) admit(ctx context.Context, c token.Caller) (token.User, *pages.Counts, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: userKey(c.UserID),
		ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: consumed,
	}, reading)
	if err != nil {
		return token.User{}, nil, fmt.Errorf("read user %d: %w", c.UserID, failure(err))
	}
	return judge(out.Item, c)
}

func judge(meta item, c token.Caller) (token.User, *pages.Counts, error) {
	u, first, err := readUser(meta, c.UserID)
	if err != nil {
		return token.User{}, nil, fmt.Errorf("read user %d: %w", c.UserID, err)
	}
	if err := c.Authorize(u); err != nil {
		return token.User{}, nil, err
	}
	return u, pages.New(u.LastTokenID, u.DeletedTokens, first), nil
}

// Get implements token.Store. Both keys are known up front, so user and
// token come in one round trip.
func (s *Store) Get(ctx context.Context, c token.Caller, id int64) (token.Token, error) {
	found, err := s.batchGet(ctx, userKey(c.UserID), tokenKey(c.UserID, id))
	if err != nil {
		return token.Token{}, fmt.Errorf("read token %d/%d: %w", c.UserID, id, err)
	}
	if _, _, err := judge(found[0], c); err != nil {
		return token.Token{}, err
	}
	if found[1] == nil || killed(found[1]) {
		return token.Token{}, token.ErrNotFound
	}
	return readToken(found[1], c.UserID)
}

// batchGet reads items in one round trip, nil for those that don't exist.
// DynamoDB may leave some out when it is throttled; these are asked for
// again, a few times.
func (s *Store) batchGet(ctx context.Context, keys ...item) ([]item, error) {
	found := make([]item, len(keys))
	pending := keys
	for attempt := range attempts {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{s.table: {Keys: pending, ConsistentRead: aws.Bool(true)}},
			ReturnConsumedCapacity: consumed,
		}, reading)
		if err != nil {
			return nil, failure(err)
		}
		for _, it := range out.Responses[s.table] {
			for i, k := range keys {
				if sameKey(it, k) {
					found[i] = it
				}
			}
		}
		pending = out.UnprocessedKeys[s.table].Keys
		if len(pending) == 0 {
			return found, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %d keys left unprocessed", token.ErrUnavailable, len(pending))
}

func sameKey(a, b item) bool {
	ra, rb := reader{item: a}, reader{item: b}
	return ra.text(PartitionKey) == rb.text(PartitionKey) && ra.number(SortKey) == rb.number(SortKey)
}

// Update implements token.Store: one conditional write, so that nothing can
// come between test and change.
func (s *Store) Update(ctx context.Context, c token.Caller, id int64, change token.Change) (token.Token, error) {
	if _, _, err := s.admit(ctx, c); err != nil {
		return token.Token{}, err
	}
	return s.change(ctx, c.UserID, id, change)
}

// change makes a change of a caller who was admitted.
func (s *Store) change(ctx context.Context, userID, id int64, change token.Change) (token.Token, error) {
	for range races { // a rival may switch the unlimited flag in between, not forever
		t, stored, err := s.apply(ctx, userID, id, change)
		if stored == nil {
			return t, err
		}
		old, err := readLedger(stored, userID)
		if err != nil {
			return token.Token{}, err
		}
		if old.MustCompactFor(change) {
			err = s.tidy(ctx, old, change.Now)
		} else {
			change, err = change.ResolveMismatch(old.Token)
		}
		if err != nil {
			return token.Token{}, err
		}
	}
	return token.Token{}, token.ErrContention
}

// apply makes one change in one conditional write. If the token does not
// meet the change's needs, it returns it as it is stored.
func (s *Store) apply(ctx context.Context, userID, id int64, change token.Change) (changed token.Token, refused item, err error) {
	e := s.changeExpression(change)
	out, err := s.client.UpdateItem(ctx, s.updateInput(tokenKey(userID, id), e))
	old, failed := conditionRefused(err)
	switch {
	case failed && (old == nil || killed(old)):
		return token.Token{}, nil, token.ErrNotFound
	case failed:
		return token.Token{}, old, nil
	case err != nil:
		return token.Token{}, nil, fmt.Errorf("update token %d/%d: %w", userID, id, writeFailure(err))
	}
	changed, err = readToken(out.Attributes, userID)
	return changed, nil, err
}

// changeExpression writes a change and its needs as DynamoDB expressions.
func (s *Store) changeExpression(c token.Change) *expression {
	e := newExpression()
	e.require(e.name(attrHash).exists())
	requireVersion(e, c.Versions)
	unlimited := func() attribute { return e.name(attrBalance, balanceUnlimited) } // a name that is not used is refused
	if c.DependsOnQuota() {
		requireNoneDue(e, c.Now)
	}
	if c.NeedsModels {
		e.require(e.name(attrModels).exists())
	}
	if c.NeedsNoModelLimits {
		e.require(e.name(attrLimits).absent())
	}
	if c.NeedsUsable {
		e.require(e.name(attrExpires).absent() + " OR " + e.name(attrExpires).above(c.Now))
		e.require(unlimited().exists() + " OR " + e.name(attrBalance, balanceLeft).above(0))
	}
	if c.NeedsUnlimited != nil {
		e.require(unlimited().present(*c.NeedsUnlimited))
	}
	e.add(attrVersion, 1)
	put(e, attrName, c.Name, text)
	put(e, attrOff, c.Disabled, flag)
	if c.RemainQuota != nil {
		e.assign(e.name(attrBalance, balanceLeft), e.value(number(*c.RemainQuota)))
		e.assign(e.name(attrBalance, balanceBack), e.value(number(0)))
		e.assign(e.name(attrBalance, balanceCost), e.value(number(0)))
	}
	if c.QuotaDelta != nil {
		grant(e, *c.QuotaDelta)
	}
	switch {
	case c.UnlimitedQuota == nil:
	case *c.UnlimitedQuota:
		e.assign(unlimited(), e.value(number(0)))
	default:
		e.clear(unlimited())
	}
	put(e, attrLimits, c.ModelLimitsEnabled, flag)
	putList(e, attrModels, c.Models)
	putList(e, attrIPs, c.AllowIPs)
	put(e, attrGroup, c.Group, optional)
	put(e, attrExpires, c.ExpiredTime, func(t int64) types.AttributeValue { return expiry(t, 0) })
	put(e, TTL, c.ExpiredTime, func(t int64) types.AttributeValue { return expiry(t, s.retentionSeconds) })
	return e
}

// grant adds units to what is left, or takes them away, within the bounds of
// what may be free. An expression can't sum that up: where settled holds have
// given something back, the condition is stricter than the bound, and the token
// may have to be tidied up first.
func grant(e *expression, n int64) {
	left := e.name(attrBalance, balanceLeft)
	if n < 0 {
		e.require(left.atLeast(-n))
	} else {
		back := e.name(attrBalance, balanceBack)
		half := (token.MaxInteger - n) / 2
		folded := back.hash + " = " + e.name(attrBalance, balanceCost).hash
		e.require(left.atMost(half) + " AND " + back.atMost(half) + " OR " + folded + " AND " + left.atMost(token.MaxInteger-n))
	}
	e.assign(left, left.hash+" + "+e.value(number(n)))
}

// requireVersion: the token has one of the versions.
func requireVersion(e *expression, versions token.Versions) {
	if versions == nil {
		return
	}
	version := e.name(attrVersion)
	each := []string{version.absent()} // which it never is: of no versions, none will do
	for _, v := range versions {
		each = append(each, version.is(v))
	}
	e.require(strings.Join(each, " OR "))
}

// put sets an attribute to a present field, or removes it where the value
// is one that is left out.
func put[T any](e *expression, attr string, field *T, value func(T) types.AttributeValue) {
	if field != nil {
		e.set(attr, value(*field))
	}
}

// putList sets the attribute unless the list is nil. An empty list removes it.
func putList(e *expression, attr string, all []string) {
	if all != nil {
		e.set(attr, list(all))
	}
}

// updateInput is a conditional write of one item, which answers with the item
// as it is then, or where the condition fails, as it is stored.
func (s *Store) updateInput(key item, e *expression) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key,
		UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              consumed,
	}
}

// conditionRefused reports whether a write failed for its condition, and the
// item as it is stored, nil if there is none.
func conditionRefused(err error) (item, bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false
	}
	if len(failed.Item) == 0 {
		return nil, true
	}
	return maps.Clone(failed.Item), true
}
