package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Create implements token.Store. One transaction writes the tokens, the user's
// counter and, if given, the saved response. So ids have no gaps, and every
// stored token is counted.
func (s *Store) Create(ctx context.Context, c token.Caller, mint func(token.User) (token.NewTokens, error)) ([]token.Token, error) {
	user, _, err := s.readCaller(ctx, c)
	if err != nil {
		return nil, err
	}
	note := changerOf(ctx, c, user).note(history.TokenCreated)
	return s.create(ctx, user, mint, note, func(meta item) (token.User, error) {
		u, _, err := authorizeUser(meta, c)
		return u, err
	})
}

// ImportTokens implements token.UserStore.
func (s *Store) ImportTokens(ctx context.Context, user token.User, mint func(token.User) (token.NewTokens, error)) ([]token.Token, error) {
	note := operatorOf(ctx).note(history.TokenImported)
	return s.create(ctx, user, mint, note, func(meta item) (token.User, error) {
		u, _, err := readUser(meta, user.ID)
		return u, err
	})
}

// create stores what mint makes for a user. authorize reads the user of a META
// item that has changed meanwhile.
func (s *Store) create(ctx context.Context, user token.User, mint func(token.User) (token.NewTokens, error), note types.AttributeValue, authorize func(item) (token.User, error)) (_ []token.Token, err error) {
	for attempt := range maxCreateAttempts {
		if user, err = s.withPolicy(ctx, user); err != nil {
			return nil, err
		}
		made, err := mint(user)
		if err != nil {
			return nil, err
		}
		reasons, err := s.transact(ctx, s.createWrites(user, made, note)...)
		meta, response := len(made.Tokens), len(made.Tokens)+1
		first := response // of the KEY items
		if made.Response != nil {
			first++
		}
		switch {
		case err == nil:
			return made.Tokens, nil
		case reasons == nil:
			return nil, fmt.Errorf("create tokens of user %d: %w", user.ID, err)
		case made.Response != nil && reasons[response].failed:
			return nil, &token.AlreadyAnsweredError{Sealed: readSealed(reasons[response].item)}
		case !reasons[meta].failed:
			if i := slices.IndexFunc(reasons[first:], func(r reason) bool { return r.failed }); i >= 0 {
				err = fmt.Errorf("foreign key %d: %w", i, token.ErrKeyTaken)
			}
			return nil, fmt.Errorf("create tokens of user %d: %w", user.ID, err)
		}
		// Another create was given the id, or the operator has changed the
		// user. The reason has META as it was then; after the pause, more
		// creates may have been given ids.
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
		now, err := s.get(ctx, userKey(user.ID))
		if err != nil {
			return nil, fmt.Errorf("read user %d again: %w", user.ID, err)
		}
		if user, err = authorize(now); err != nil {
			return nil, err
		}
	}
	return nil, token.ErrContention
}

// createWrites are the writes of a create: the tokens, META, the response if there
// is one, and KEY items of foreign keys.
func (s *Store) createWrites(user token.User, made token.NewTokens, note types.AttributeValue) (writes []write) {
	for _, t := range made.Tokens {
		it := tokenItem(t, s.retentionSeconds)
		it[attrNote] = note
		writes = append(writes, s.putNew(it))
	}
	writes = append(writes, s.updateWrite(userKey(user.ID), claimIDs(user, made)))
	if made.Response != nil {
		it, e := responseItem(user.ID, *made.Response)
		writes = append(writes, s.putWrite(it, e))
	}
	for _, t := range made.Tokens {
		if t.ForeignHash != ([32]byte{}) {
			writes = append(writes, s.putNew(foreignKeyItem(t)))
		}
	}
	return writes
}

// claimIDs gives out the next ids. It requires the user to be as it was when
// the ids were chosen, because how many tokens the user may create depends on
// its limits and counters.
func claimIDs(user token.User, made token.NewTokens) *expression {
	e := newExpression()
	e.require(e.name(attrLastTokenID).equals(user.LastTokenID))
	e.require(e.name(attrVersion).equals(user.Version))
	e.set(attrLastTokenID, number(user.LastTokenID+int64(len(made.Tokens))))
	if made.RateTAT != user.RateTAT {
		e.set(attrRateTAT, number(made.RateTAT))
	}
	return e
}

// putNew stores an item if there is none with its key.
func (s *Store) putNew(it item) write {
	e := newExpression()
	e.require(e.name(PartitionKey).absent())
	return s.putWrite(it, e)
}
