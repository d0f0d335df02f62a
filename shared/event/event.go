// Package event has what is told to users when something happens to their tokens:
// the types of events, and their form. How they travel is a matter of others.
package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Type says what has happened.
type Type string

// The types of events.
const (
	TokenCreated     Type = "token.created"
	TokenUpdated     Type = "token.updated"
	TokenRotated     Type = "token.rotated"
	TokenDisabled    Type = "token.disabled"
	TokenEnabled     Type = "token.enabled"
	TokenDeleted     Type = "token.deleted"
	TokenPurged      Type = "token.purged"
	TokenExpiring    Type = "token.expiring" //nolint:gosec // a type, not a credential
	TokenExpired     Type = "token.expired"
	TokenQuotaLow    Type = "token.quota_low"
	TokenExhausted   Type = "token.exhausted"
	TokenRevived     Type = "token.revived"
	TokenRateLimited Type = "token.rate_limited"
	BudgetLow        Type = "user.budget_low"
	BudgetExhausted  Type = "user.budget_exhausted"

	// Test is the type of what a test sends. An endpoint gets it whatever its
	// types are.
	Test Type = "webhook.test"
)

// Types returns the types that an endpoint can choose.
func Types() []Type {
	return []Type{
		TokenCreated, TokenUpdated, TokenRotated, TokenDisabled, TokenEnabled, TokenDeleted, TokenPurged, TokenExpiring, TokenExpired,
		TokenQuotaLow, TokenExhausted, TokenRevived, TokenRateLimited, BudgetLow, BudgetExhausted,
	}
}

// An Event is something that has happened. An event that is sent again has the same
// ID, so a receiver can ignore what it has seen.
type Event struct {
	ID        string          `json:"id"`        // 1 to 128 letters, digits, underscores and hyphens; unique
	Type      Type            `json:"type"`      // such as token.created
	Timestamp time.Time       `json:"timestamp"` // when it happened
	Data      json.RawMessage `json:"data"`      // an object; what it has depends on the type
	UserID    int64           `json:"-"`         // who is told
}

// A Publisher sends events on, such as to webhooks. After an error the call may be
// repeated: receivers may then get an event twice, with the same ID. After a LostError a
// repetition does not help.
type Publisher interface {
	Publish(ctx context.Context, events []Event) error
}

// MaxBytes is the largest size of an event in JSON.
const MaxBytes = 16 << 10

// New returns an event for a user, whose data is the JSON object of a value.
func New(userID int64, id string, t Type, at time.Time, data any) (Event, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode the data of a %s event: %w", t, err)
	}
	e := Event{id, t, at.UTC(), raw, userID}
	_, err = e.Encode()
	return e, err
}

// Encode returns the event in JSON. The error says that the ID is malformed, the
// data is not an object, the event is too large, or that it contains a key, an
// access token or a secret, which must never leave Latchkey.
func (e Event) Encode() ([]byte, error) {
	if !ValidID(e.ID) {
		return nil, fmt.Errorf("the id of a %s event must have 1 to 128 letters, digits, underscores and hyphens", e.Type)
	}
	if !bytes.HasPrefix(e.Data, []byte("{")) {
		return nil, fmt.Errorf("the data of the %s event %s is not a JSON object", e.Type, e.ID)
	}
	raw, err := json.Marshal(e)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode the %s event %s: %w", e.Type, e.ID, err)
	case len(raw) > MaxBytes:
		return nil, fmt.Errorf("the %s event %s has %d bytes; the most is %d", e.Type, e.ID, len(raw), MaxBytes)
	case credential.Find(string(raw), 0) != "":
		return nil, fmt.Errorf("the %s event %s contains a credential", e.Type, e.ID)
	}
	return raw, nil
}

// MarshalJSON implements json.Marshaler. SQS refuses messages with U+FFFE and U+FFFF,
// which the name of a token may have, so it writes them as escapes. It is the same JSON
// to a receiver.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event
	raw, err := json.Marshal(plain(e))
	for character, escape := range map[string]string{"\ufffe": `\ufffe`, "\uffff": `\uffff`} {
		raw = bytes.ReplaceAll(raw, []byte(character), []byte(escape))
	}
	return raw, err
}

// Decode returns the event of a body in JSON. Fields that it does not know are
// ignored: a later version may send more.
func Decode(body []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, errors.New("the text is not an event in JSON")
	}
	return e, nil
}

// ValidID reports whether an id has 1 to 128 letters, digits, underscores and
// hyphens.
func ValidID(id string) bool {
	const longest = 128
	return id != "" && len(id) <= longest && strings.Trim(id, idCharacters) == ""
}

const idCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
