package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The last use of a token, a map in its item.
const (
	attrLastUse = "seen"

	useTime      = "t"
	useNetwork   = "n"
	useUserAgent = "a"
)

// Touch implements quota.Store.
func (s *Store) Touch(ctx context.Context, key credential.Key, t quota.Touch) error {
	e := newExpression()
	e.require(e.name(attrHash).exists())
	if u := t.Use; u.Time != 0 {
		e.require(e.name(attrLastUse).absent() + " OR " + e.name(attrLastUse, useTime).atMost(u.Time-quota.UseSeconds))
		e.set(attrLastUse, lastUseValue(u))
	}
	noteRefused(e, t.Refusals)
	if _, _, err := s.update(ctx, tokenKey(key.UserID, key.TokenID), e, neverRetry()); err != nil {
		return fmt.Errorf("touch token %d/%d: %w", key.UserID, key.TokenID, err)
	}
	return nil
}

func lastUseValue(u token.LastUse) types.AttributeValue {
	m := item{useTime: number(u.Time)}
	setPresent(m, item{useNetwork: optionalText(u.Network), useUserAgent: optionalText(u.UserAgent)})
	return mapOf(m)
}

func readLastUse(r *reader) token.LastUse {
	m := r.nested(attrLastUse)
	u := token.LastUse{Time: m.number(useTime), Network: m.text(useNetwork), UserAgent: m.text(useUserAgent)}
	r.merge(m)
	return u
}
