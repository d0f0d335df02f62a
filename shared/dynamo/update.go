package dynamo

import (
	"context"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Update implements token.Store. It tests and changes the token in one
// conditional write, so that no other write can come in between.
func (s *Store) Update(ctx context.Context, c token.Caller, id int64, change token.Change) (token.Token, error) {
	change, by, err := s.authorizeChange(ctx, c, change, 1)
	if err != nil {
		return token.Token{}, err
	}
	return s.changeToken(ctx, c.UserID, id, change, by)
}

// UpdateAll implements token.Store.
func (s *Store) UpdateAll(ctx context.Context, c token.Caller, ids []int64, change token.Change, plan token.BatchPlan) ([]error, error) {
	change, by, err := s.authorizeChange(ctx, c, change, int64(len(ids)))
	if err != nil {
		return nil, err
	}
	stored, err := s.startBatch(ctx, c.UserID, ids, plan)
	if err != nil {
		return nil, err
	}
	return forEach(ids, func(id int64) error {
		if stored[id] == nil || revoked(stored[id]) {
			return token.ErrNotFound
		}
		_, err := s.changeToken(ctx, c.UserID, id, change, by)
		return err
	}), nil
}

// authorizeChange authorizes the caller to change n tokens and returns the
// change as its user may make it.
func (s *Store) authorizeChange(ctx context.Context, c token.Caller, change token.Change, n int64) (token.Change, changer, error) {
	u, _, err := s.readCaller(ctx, c)
	if err != nil {
		return change, nil, err
	}
	if change, err = change.For(u); err != nil {
		return change, nil, err
	}
	if change.NeedsPolicy() {
		if u, err = s.withPolicy(ctx, u); err != nil {
			return change, nil, err
		}
		change.Policy = u.Policy
	}
	return change, changerOf(ctx, c, u), s.admitChanges(ctx, c, u, n)
}

// authorizeChanges authorizes the caller to make n changes.
func (s *Store) authorizeChanges(ctx context.Context, c token.Caller, n int64) (changer, error) {
	u, _, err := s.readCaller(ctx, c)
	if err != nil {
		return nil, err
	}
	return changerOf(ctx, c, u), s.admitChanges(ctx, c, u, n)
}

// changeToken is Update for a caller who is authorized. If the stored token
// does not meet the change's conditions, it asks the change what to try
// instead. If what it writes depends on the stored settings, it reads them first.
func (s *Store) changeToken(ctx context.Context, userID, id int64, change token.Change, by changer) (token.Token, error) {
	var known item
	if needsStored(change) {
		var err error
		if known, err = s.get(ctx, tokenKey(userID, id)); err != nil {
			return token.Token{}, fmt.Errorf("read token %d/%d: %w", userID, id, err)
		}
		if known == nil || revoked(known) {
			return token.Token{}, token.ErrNotFound
		}
	}
	for range maxChangeAttempts {
		var err error
		if change, err = chooseLists(change, known, userID); err != nil {
			return token.Token{}, err
		}
		e, err := s.changeExpression(change, known, userID)
		if err != nil {
			return token.Token{}, err
		}
		e.set(attrNote, by.note(updateAction(change)))
		found, applied, err := s.update(ctx, tokenKey(userID, id), e, retryNotApplied())
		switch {
		case err != nil:
			return token.Token{}, fmt.Errorf("update token %d/%d: %w", userID, id, err)
		case applied:
			return readToken(found, userID)
		case found == nil || revoked(found):
			return token.Token{}, token.ErrNotFound
		}
		stored, err := readLedger(found, userID)
		if err != nil {
			return token.Token{}, err
		}
		switch {
		case change.Repeats(stored.Token):
			return stored.Token, nil
		case stored.MustCompactFor(change):
			err = s.compact(ctx, stored, change.Now)
		case known != nil && !sameLimits(known, found):
			known = found // a window began, or another caller has changed the token
		default:
			change, err = change.ResolveMismatch(stored.Token)
		}
		if err != nil {
			return token.Token{}, err
		}
	}
	return token.Token{}, token.ErrContention
}

// needsStored reports whether what a change writes depends on the stored token: on
// its limits, on its lists, or, if a policy applies, on all of its settings. The
// write then requires the version that was read.
func needsStored(c token.Change) bool {
	return c.ChangesLimits() || c.Policy != nil || c.HasTwoLists()
}

// chooseLists is token.Change.ChooseLists with the token's item.
func chooseLists(c token.Change, known item, userID int64) (token.Change, error) {
	if !c.HasTwoLists() {
		return c, nil
	}
	stored, err := readToken(known, userID)
	if err != nil {
		return c, err
	}
	return c.ChooseLists(stored)
}

// changeExpression translates a change and its conditions. known is the token's
// item if the change needs it.
func (s *Store) changeExpression(c token.Change, known item, userID int64) (*expression, error) {
	e := newExpression()
	requireChangeable(e, c)
	if needsStored(c) && !c.ChangesLimits() { // which requires the version, too
		requireSame(e, attrVersion, known[attrVersion])
	}
	if c.Policy != nil {
		if err := checkPolicy(c, known, userID); err != nil {
			return nil, err
		}
	}
	if c.ChangesLimits() {
		if err := changeLimits(e, c, known, userID); err != nil {
			return nil, err
		}
	}
	e.add(attrVersion, 1)
	setField(e, attrName, c.Name, text)
	setField(e, attrDisabled, c.Disabled, optionalFlag)
	if c.RemainQuota != nil {
		setBalance(e, balanceLeft, *c.RemainQuota)
		setBalance(e, balanceReturned, 0)
		setBalance(e, balanceCharged, 0)
	}
	if c.QuotaDelta != nil {
		addQuota(e, *c.QuotaDelta)
	}
	switch unlimited := c.UnlimitedQuota; {
	case unlimited == nil:
	case *unlimited:
		setBalance(e, balanceUnlimited, 0)
	default:
		e.remove(e.name(attrBalance, balanceUnlimited))
	}
	setField(e, attrLimits, c.ModelLimitsEnabled, optionalFlag)
	setList(e, attrModels, c.Models)
	setList(e, attrIPs, c.AllowIPs)
	setField(e, attrGroup, c.Group, optionalText)
	setField(e, attrGroupGranted, c.GroupGranted, optionalFlag)
	if c.ExpiredTime != nil {
		e.set(attrExpires, optionalExpiry(*c.ExpiredTime))
		e.set(TTL, removableFrom(*c.ExpiredTime, c.Now, s.retentionSeconds))
	}
	return e, nil
}

// setBalance sets a number of the balance.
func setBalance(e *expression, attr string, n int64) {
	e.assign(e.name(attrBalance, attr), e.value(number(n)))
}

// requireChangeable translates the conditions of a change.
func requireChangeable(e *expression, c token.Change) {
	e.require(e.name(attrHash).exists())
	requireVersion(e, c.Versions)
	if c.DependsOnQuota() {
		requireNoExpiredHold(e, c.Now)
		e.require(e.name(attrRaise).absent() + " OR " + e.name(attrRaise, raiseUntil).above(c.Now))
	}
	if c.NeedsModels {
		e.require(e.name(attrModels).exists())
	}
	if c.NeedsNoModelLimits {
		e.require(e.name(attrLimits).absent())
	}
	if c.NeedsUsable {
		e.require(e.name(attrLeaked).absent())
		expires := e.name(attrExpires)
		e.require(expires.absent() + " OR " + expires.above(c.Now))
		e.require(e.name(attrBalance, balanceUnlimited).exists() + " OR " + e.name(attrBalance, balanceLeft).above(0))
	}
	if c.NeedsUnlimited != nil {
		e.require(e.name(attrBalance, balanceUnlimited).existsIf(*c.NeedsUnlimited))
	}
}

// requireVersion requires the token to have one of the versions; nil allows
// any.
func requireVersion(e *expression, versions token.Versions) {
	if versions == nil {
		return
	}
	version := e.name(attrVersion)
	each := []string{version.absent()} // never true, so that an empty list allows none
	for _, v := range versions {
		each = append(each, version.equals(v))
	}
	e.require(strings.Join(each, " OR "))
}

// addQuota adds n units, which may be negative, to what is left, if the free
// quota then is between 0 and token.MaxInteger. A condition can't compute the
// free quota, left + returned - charged. So it requires more than necessary if
// settled holds have returned units: each of left and returned must be below
// half of the bound. If that fails, the token has to be compacted first.
func addQuota(e *expression, n int64) {
	left := e.name(attrBalance, balanceLeft)
	if n < 0 {
		e.require(left.atLeast(-n))
	} else {
		returned := e.name(attrBalance, balanceReturned)
		half := (token.MaxInteger - n) / 2
		allCharged := returned.placeholder + " = " + e.name(attrBalance, balanceCharged).placeholder
		e.require(left.atMost(half) + " AND " + returned.atMost(half) + " OR " + allCharged + " AND " + left.atMost(token.MaxInteger-n))
	}
	e.assign(left, left.placeholder+" + "+e.value(number(n)))
}
