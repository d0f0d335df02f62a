package dynamo

import (
	"sync"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

const maxSeenTokens = 10_000

// seenTokens remembers tokens with limits as they were last seen, so that the
// next write can name the meters that it counts in. It is only a guess: the
// condition of the write decides.
type seenTokens struct {
	mu   sync.Mutex
	byID map[[2]int64]*token.Token // by user and token
}

// get returns the key's token, or nil if it is not known to have limits.
func (s *seenTokens) get(key credential.Key) *token.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[[2]int64{key.UserID, key.TokenID}]
}

// keep remembers a token that has limits, and forgets one that has none.
func (s *seenTokens) keep(t token.Token) {
	id := [2]int64{t.UserID, t.ID}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.Limited() {
		delete(s.byID, id)
		return
	}
	if s.byID == nil {
		s.byID = map[[2]int64]*token.Token{}
	}
	if _, known := s.byID[id]; !known && len(s.byID) >= maxSeenTokens {
		for other := range s.byID { // any one
			delete(s.byID, other)
			break
		}
	}
	t.Holds = nil
	s.byID[id] = &t
}
