package dynamo

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// In a note of an administrative change, in a TOKEN, META, POLICY, WALLET, ENDPOINT or
// PRICES item. They differ from those of a use. Texts that are empty are left out.
const (
	noteAction    = "k" // of a history.Entry; history.TokenUpdated and UserUpdated if the items say which one it is
	noteSlot      = "s" // of the user's access token; missing if the operator made the change
	noteIssue     = "v" // the user version that the access token was issued with
	noteTime      = "e" // Unix milliseconds; missing if the operator made the change
	noteAddress   = "f"
	noteRequestID = "q"
	noteCommand   = "c"
	notePerson    = "b"
	noteKeyHolder = "j" // whoever has the token's key made the change
	noteService   = "y" // Latchkey made the change by itself

	// Of a deletion that leaves no item: of a token at once, or of a webhook.
	noteDeletedID   = "z"
	noteDeletedName = "l" // of a webhook its URL
)

// A changer is the part of a note that says who makes a change.
type changer item

// changerOf is a user that is authorized.
func changerOf(ctx context.Context, c token.Caller, u token.User) changer {
	by := operatorOf(ctx)
	by[noteSlot], by[noteTime] = number(int64(c.Slot)), number(c.Now/1000)
	if c.Slot >= 0 && c.Slot < token.MaxSlots {
		by[noteIssue] = number(u.Slots[c.Slot].UserVersion)
	}
	return by
}

func operatorOf(ctx context.Context) changer {
	o := token.OriginOf(ctx)
	by := changer{}
	setPresent(item(by), item{
		noteAddress: optionalText(o.Address), noteRequestID: optionalText(o.RequestID),
		noteCommand: optionalText(o.Command), notePerson: optionalText(o.Person),
	})
	return by
}

// keyHolderOf is whoever has the key of the token.
func keyHolderOf(ctx context.Context) changer {
	by := operatorOf(ctx)
	by[noteKeyHolder] = optionalFlag(true)
	return by
}

// serviceAt is Latchkey, which makes a change that nobody has asked for.
func serviceAt(now time.Time) changer {
	return changer{noteService: optionalFlag(true), noteTime: number(now.UnixMilli())}
}

// with returns the changer with further parts of a note.
func (by changer) with(parts item) changer {
	more := maps.Clone(by)
	maps.Copy(more, parts)
	return more
}

// note is the value of attrNote of a change.
func (by changer) note(action string) types.AttributeValue {
	m := item{noteAction: text(action)}
	setPresent(m, item(by))
	return mapOf(m)
}

// updateAction returns the action of an update.
func updateAction(c token.Change) string {
	if c.Raise != nil {
		return history.TokenRaised
	}
	return history.TokenUpdated
}

// hasNotes reports whether an item of a partition can have a note of a write that
// later writes keep. POLICY and PRICES items are only ever replaced as a whole.
func hasNotes(partition string) bool {
	return strings.HasPrefix(partition, tokenPrefix) || strings.HasPrefix(partition, userPrefix) || strings.HasPrefix(partition, walletPrefix) ||
		strings.HasPrefix(partition, endpointPrefix)
}
