package dynamo

import (
	"context"
	"fmt"
	"sync"

	"github.com/latchkey-api/latchkey/shared/token"
)

// admitChanges returns nil if the user may make n changes, else a
// *token.ChangeRateError. Most calls write nothing; see token.User.AdmitChanges.
// If the answer to a record is lost, it may be stored twice: changes count too
// much rather than not at all.
func (s *Store) admitChanges(ctx context.Context, c token.Caller, u token.User, n int64) error {
	if u.Limits.ChangesPerSecond == 0 {
		return nil
	}
	own := s.debtors.getOrKeep(u.ID, new(changeDebtor))
	for attempt := 0; attempt < maxChangeAttempts; {
		r, busy, err := own.admit(u, n, c.Now)
		switch {
		case err != nil:
			return err
		case busy != nil: // another request records its changes, and then may owe nothing
			select {
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", token.ErrUnavailable, ctx.Err())
			case <-busy:
			}
			continue
		case r.tat == 0:
			return nil
		}
		found, stored, err := s.storeRecord(ctx, u.ID, r)
		if err == nil && !stored {
			u, _, err = authorizeUser(found, c) // as it is now
		}
		switch {
		case err != nil:
			own.recorded(r, r.before, false)
			return err
		case stored:
			own.recorded(r, r.tat, true)
			return nil
		}
		own.recorded(r, u.ChangeTAT, false)
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		attempt++
	}
	return token.ErrContention
}

// storeRecord stores the user's new ChangeTAT, if no other process has changed
// it. If one has, it returns META.
func (s *Store) storeRecord(ctx context.Context, userID int64, r changeRecord) (found item, stored bool, err error) {
	e := newExpression()
	if state := e.name(attrChangeTAT); r.before == 0 {
		e.require(e.name(attrLastTokenID).exists() + " AND " + state.absent())
	} else {
		e.require(state.equals(r.before))
	}
	e.set(attrChangeTAT, number(r.tat))
	policy := retryIdempotent()
	policy.noAnswer, policy.notApplied = token.ErrUnavailable, token.ErrUnavailable // no token was changed
	found, stored, err = s.update(ctx, userKey(userID), e, policy)
	if err != nil {
		return nil, false, fmt.Errorf("record changes of user %d: %w", userID, err)
	}
	return found, stored, nil
}

// A changeDebtor is what this process owes for a user. One request at a time
// records changes, so that the debt never exceeds its bound.
type changeDebtor struct {
	mu        sync.Mutex
	debt      token.ChangeDebt
	tat       int64         // the newest ChangeTAT that the process knows
	recording chan struct{} // closed when the record in progress ends; nil if there is none
}

// A changeRecord replaces one ChangeTAT by another.
type changeRecord struct {
	before, tat int64
	covers      token.ChangeDebt // beside the changes of the request
}

// admit returns the zero record if the changes are admitted. If it returns
// another record, they are admitted once it is stored, and the caller must call
// recorded. If busy is not nil, the caller must try again once it is closed.
func (d *changeDebtor) admit(u token.User, n, now int64) (r changeRecord, busy <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u.ChangeTAT = max(u.ChangeTAT, d.tat)
	debt, tat, err := u.AdmitChanges(d.debt, n, now)
	switch {
	case err != nil:
		return changeRecord{}, nil, err
	case tat == 0:
		d.debt = debt
		return changeRecord{}, nil, nil
	case d.recording != nil:
		return changeRecord{}, d.recording, nil
	}
	d.recording = make(chan struct{})
	return changeRecord{u.ChangeTAT, tat, d.debt}, nil, nil
}

// recorded ends a record. tat is the newest ChangeTAT that the caller knows.
func (d *changeDebtor) recorded(r changeRecord, tat int64, stored bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tat = tat
	if stored {
		d.debt = d.debt.Minus(r.covers)
	}
	close(d.recording)
	d.recording = nil
}
