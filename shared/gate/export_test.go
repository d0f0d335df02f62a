package gate

import (
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// MaxKnownUses is maxKnownUses.
const MaxKnownUses = maxKnownUses

// UseTable is a useTable.
type UseTable = useTable

// NewUseTable returns the table of a new gate.
func NewUseTable() *UseTable { return New(nil, WithUseRecords()).uses }

// Refusal is refusal.
func (u *useTable) Refusal(t token.Token, reason quota.Reason, now int64) quota.Touch {
	return u.refusal(t, reason, now)
}

// Size returns how many tokens the table knows.
func (u *useTable) Size() int { return len(u.byToken) }
