package event

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Fact is what an event tells, before it has an ID and a time.
type Fact struct {
	Type Type
	Data any // one of the types below; each is a JSON object
}

// NewID returns an ID that is a function of its parts. Parts that say which change
// was made, and the type, give each event an ID that it has again when it is sent
// again.
func NewID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "|")))
	return "evt_" + hex.EncodeToString(sum[:16])
}

// A Token says which token an event is about. It is part of the data of every
// token.* event.
type Token struct {
	UserID  int64  `json:"user_id"`
	TokenID int64  `json:"token_id"`
	Name    string `json:"name"` // without what looks like a credential
}

// TokenOf returns the token that an event is about.
func TokenOf(userID, id int64, name string) Token {
	short := []rune(credential.Redact(name))
	return Token{userID, id, string(short[:min(len(short), token.MaxNameLength)])}
}

// A Change is the data of the events about administrative changes: token.created,
// updated, rotated, disabled, enabled, deleted and purged.
type Change struct {
	Token
	Action  string           `json:"action"`            // as the audit trail names it, such as token.imported, which is more exact than the type
	By      history.Kind     `json:"by"`                // user, key, operator or service
	Changes []history.Change `json:"changes,omitempty"` // as in the audit trail; only the names of the settings if all would be too large
}

// Expiring is the data of token.expiring.
type Expiring struct {
	Token
	ExpiredTime int64 `json:"expired_time"` // the Unix second from which the token is expired
	SecondsLeft int64 `json:"seconds_left"` // from the event's timestamp
	DaysLeft    int64 `json:"days_left"`    // 7 or 1: which of the two notices this is
}

// Expired is the data of token.expired.
type Expired struct {
	Token
	ExpiredTime int64 `json:"expired_time"` // the Unix second since which the token is expired
}

// Tested is the data of webhook.test.
type Tested struct {
	WebhookID int64 `json:"webhook_id"` // the webhook that the test is sent to
}
