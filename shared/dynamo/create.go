package dynamo

import (
	"context"
	"fmt"

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
	for attempt := range maxCreateAttempts {
		if user, err = s.withPolicy(ctx, user); err != nil {
			return nil, err
		}
		made, err := mint(user)
		if err != nil {
			return nil, err
		}
		reasons, err := s.transact(ctx, s.createWrites(user, made)...)
		meta, response := len(made.Tokens), len(made.Tokens)+1
		switch {
		case err == nil:
			return made.Tokens, nil
		case reasons == nil:
			return nil, fmt.Errorf("create tokens of user %d: %w", c.UserID, err)
		case made.Response != nil && reasons[response].failed:
			return nil, &token.AlreadyAnsweredError{Sealed: readSealed(reasons[response].item)}
		case !reasons[meta].failed:
			return nil, fmt.Errorf("create tokens of user %d: %w", c.UserID, err)
		}
		// Another create was given the id, or the operator has changed the
		// user. The reason has META as it is now.
		user, _, err = authorizeUser(reasons[meta].item, c)
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, token.ErrContention
}

// createWrites are the writes of a create: the tokens, META, and the response
// if there is one.
func (s *Store) createWrites(user token.User, made token.NewTokens) (writes []write) {
	for _, t := range made.Tokens {
		writes = append(writes, s.putNew(tokenItem(t, s.retentionSeconds)))
	}
	writes = append(writes, s.updateWrite(userKey(user.ID), claimIDs(user, made)))
	if made.Response != nil {
		it, e := responseItem(user.ID, *made.Response)
		writes = append(writes, s.putWrite(it, e))
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
