package dynamo

import (
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// seenTokens remembers tokens with limits as they were last seen, so that the
// next write can name the meters that it counts in. It is only a guess: the
// condition of the write decides.
type seenTokens struct {
	byAddress recent[token.Address, *token.Token]
}

// get returns the key's token, or nil if it is not known to have limits.
func (s *seenTokens) get(key credential.Key) *token.Token {
	t, _ := s.byAddress.get(token.Address{UserID: key.UserID, ID: key.TokenID})
	return t
}

// keep remembers a token that has limits, and forgets one that has none.
func (s *seenTokens) keep(t token.Token) {
	at := token.Address{UserID: t.UserID, ID: t.ID}
	if !t.Limited() {
		s.byAddress.forget(at)
		return
	}
	t.Holds = nil
	s.byAddress.keep(at, &t)
}
