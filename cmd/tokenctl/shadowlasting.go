package main

import (
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// forAWhile marks a refusal that ends by itself.
const forAWhile = " for a while"

// passes reports whether a key that is refused becomes valid without anybody's
// doing. If the other system's refusal renews, too, windows do not count as passing:
// they are compared as numbers.
func (s *shadow) passes(here gate.KnownKey, renews bool) bool {
	if here.ID == 0 {
		return false
	}
	t := lasting(here.Token, s.now)
	if renews {
		t.Windows = here.Windows
	}
	return quota.Question{}.Check(t, time.Unix(s.now, 0)) == nil
}

// lasting returns a token without what ends by itself: its rates and windows, the
// periods of its owner's budget, and open holds, of which all units may be returned.
func lasting(t token.Token, now int64) token.Token {
	quotas := make([]token.ModelQuota, 0, len(t.ModelQuotas))
	for _, q := range t.ModelQuotas {
		q.Left = q.Quota - t.ModelUse(q, now).Used
		quotas = append(quotas, q)
	}
	t.RemainQuota, t.Raise = t.FreeAt(now)+t.HeldAt(now), token.Raise{}
	t.ModelQuotas, t.Windows, t.Holds = quotas, nil, nil
	t.Rates, t.UsesWallet = token.Rates{}, false
	return t
}
