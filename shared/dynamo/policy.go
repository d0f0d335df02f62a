package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Policy implements token.UserStore.
func (s *Store) Policy(ctx context.Context, u token.User) (token.Policy, error) {
	u, err := s.withPolicy(ctx, u)
	if err != nil || u.Policy == nil {
		return token.Policy{}, err
	}
	return *u.Policy, nil
}

// SetPolicy implements token.UserStore. One transaction writes the policy and
// META. A user without a policy keeps the item of the last one, which is then
// zero: a process that has read META before finds it.
func (s *Store) SetPolicy(ctx context.Context, u token.User, p token.Policy) error {
	version := u.Version + 1
	meta := newExpression()
	meta.require(meta.name(attrVersion).equals(u.Version))
	meta.add(attrVersion, 1)
	if p.IsZero() {
		meta.set(attrPolicyVersion, nil)
	} else {
		meta.set(attrPolicyVersion, number(version))
	}
	policy := policyItem(u.ID, version, p)
	policy[attrNote] = operatorOf(ctx).note(history.PolicySet)
	writes := []write{s.updateWrite(userKey(u.ID), meta), s.putWrite(policy, newExpression())}
	switch reasons, err := s.transact(ctx, writes...); {
	case err == nil:
		return nil
	case reasons == nil:
		return fmt.Errorf("set policy of user %s: %w", u.Name, err)
	default:
		return token.ErrContention
	}
}

// withPolicy returns the user with its policy. A process reads each version of a
// policy once.
func (s *Store) withPolicy(ctx context.Context, u token.User) (token.User, error) {
	u.Policy = nil
	if u.PolicyVersion == 0 {
		return u, nil
	}
	if u.Policy = s.policies.get(u); u.Policy != nil {
		return u, nil
	}
	it, err := s.get(ctx, policyKey(u.ID))
	if err != nil {
		return u, fmt.Errorf("read policy of user %d: %w", u.ID, err)
	}
	p, version, err := readPolicy(it)
	switch {
	case err != nil:
		return u, fmt.Errorf("read policy of user %d: %w", u.ID, err)
	case version < u.PolicyVersion:
		return u, errors.New("the policy of a user is missing")
	}
	if version == u.PolicyVersion { // else the operator has changed it since META was read
		s.policies.keep(u, p)
	}
	u.Policy = &p
	return u, nil
}

// checkPolicy asks the policy whether a token may be changed. The write requires the
// settings to be as in the known item: else changes that are allowed one by one
// could together make a token that is not.
func checkPolicy(c token.Change, known item, userID int64) error {
	before, err := readToken(known, userID)
	if err != nil {
		return err
	}
	return c.CheckPolicy(before)
}

// knownPolicies remembers policies by user.
type knownPolicies struct {
	byUser recent[int64, *knownPolicy]
}

type knownPolicy struct {
	version int64
	token.Policy
}

// get returns the policy with the user's PolicyVersion, or nil.
func (k *knownPolicies) get(u token.User) *token.Policy {
	if known, ok := k.byUser.get(u.ID); ok && known.version == u.PolicyVersion {
		return &known.Policy
	}
	return nil
}

func (k *knownPolicies) keep(u token.User, p token.Policy) {
	k.byUser.keep(u.ID, &knownPolicy{u.PolicyVersion, p})
}
