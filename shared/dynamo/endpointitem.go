package dynamo

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// The attributes of ENDPOINT items, beside attrNote, and attrRevision, which counts the
// changes that have a note. The item with sort key 0 has seq, the highest id of an
// endpoint so far, and the note of a deletion.
const (
	attrURL           = "url"
	attrEventTypes    = "types" // patterns; missing for all types
	attrSecret        = "secret"
	attrOldSecret     = "prevsecret"
	attrSecretUntil   = "secretuntil" // the second until which prevsecret signs
	attrReason        = "reason"      // why the endpoint is disabled; missing if it is not
	attrFailingSince  = "failing"     // the second of the first failure since the last success
	attrLastAttempt   = "last"        // the last attempt that was recorded, a map of these:
	attemptEvent      = "id"
	attemptType       = "type"
	attemptTime       = "t"
	attemptNumber     = "n"
	attemptStatus     = "s"
	attemptFailure    = "f"
	attemptTookMillis = "ms"
)

const endpointPrefix = "E#"

func endpointPartition(userID int64) string { return fmt.Sprintf("%s%d", endpointPrefix, userID) }
func endpointKey(userID, id int64) item     { return key(endpointPartition(userID), id) }

func endpointItem(e webhook.Endpoint) item {
	it := endpointKey(e.UserID, e.ID)
	setPresent(it, item{
		attrURL: text(e.URL), attrEventTypes: optionalList(e.Types), attrCreated: number(e.CreatedTime), attrSecret: binary(e.Secret.Key()),
		attrReason: optionalText(string(e.Disabled)), attrRevision: number(1),
	})
	return it
}

func readEndpoint(it item, userID int64) (webhook.Endpoint, error) {
	r := reader{item: it}
	e := webhook.Endpoint{
		UserID: userID, ID: r.number(SortKey), URL: r.text(attrURL), Types: r.list(attrEventTypes), CreatedTime: r.number(attrCreated),
		Secret: r.secret(attrSecret), Previous: r.secret(attrOldSecret), PreviousUntil: r.number(attrSecretUntil),
		Disabled: webhook.Reason(r.text(attrReason)), FailingSince: r.number(attrFailingSince),
	}
	if r.has(attrLastAttempt) {
		last := r.nested(attrLastAttempt)
		e.Last = webhook.Attempt{
			EventID: last.text(attemptEvent), EventType: event.Type(last.text(attemptType)), Time: last.number(attemptTime),
			Number: int(last.number(attemptNumber)), Status: int(last.number(attemptStatus)), Failure: webhook.Failure(last.text(attemptFailure)),
			Took: time.Duration(last.number(attemptTookMillis)) * time.Millisecond,
		}
		r.merge(last)
	}
	if r.err != nil {
		return webhook.Endpoint{}, fmt.Errorf("read webhook %d/%d: %w", userID, e.ID, r.err)
	}
	return e, nil
}

// describeEndpoint is describe for a record of an ENDPOINT item. A deletion's note is in
// the item with sort key 0.
func describeEndpoint(entry *history.Entry, r StreamRecord) (version int64, err error) {
	entry.UserID = afterPrefix(r.Partition, endpointPrefix)
	if r.Number == "0" {
		after := reader{item: r.After}
		note := after.nested(attrNote)
		entry.WebhookID = note.number(noteDeletedID)
		_, entry.Changes = history.WebhookChanges(&history.Webhook{URL: note.text(noteDeletedName)}, nil)
		return lastVersion, note.err
	}
	var before *history.Webhook
	if len(r.Before) > 0 {
		before, err = auditedEndpoint(r.Before, entry.UserID)
	}
	after, afterErr := auditedEndpoint(r.After, entry.UserID)
	if entry.WebhookID, _ = strconv.ParseInt(r.Number, 10, 64); err != nil || afterErr != nil {
		return 0, errors.Join(err, afterErr)
	}
	action, changes := history.WebhookChanges(before, after)
	if entry.Changes = changes; entry.Action == history.WebhookUpdated {
		entry.Action = action
	}
	revision := reader{item: r.After}
	return revision.number(attrRevision), revision.err
}

func auditedEndpoint(it item, userID int64) (*history.Webhook, error) {
	e, err := readEndpoint(it, userID)
	return &history.Webhook{URL: e.URL, Types: e.Types, DisabledReason: string(e.Disabled), PreviousSecretUntil: e.PreviousUntil}, err
}

// secret reads a secret; a missing one is the zero Secret.
func (r *reader) secret(name string) webhook.Secret {
	v, ok := r.item[name].(*types.AttributeValueMemberB)
	if !ok {
		r.mismatch(name)
		return webhook.Secret{}
	}
	return webhook.SecretOf(v.Value)
}

func attemptMap(a webhook.Attempt) types.AttributeValue {
	m := item{}
	setPresent(m, item{
		attemptEvent: optionalText(a.EventID), attemptType: optionalText(string(a.EventType)), attemptTime: optionalNumber(a.Time),
		attemptNumber: optionalNumber(int64(a.Number)), attemptStatus: optionalNumber(int64(a.Status)), attemptFailure: optionalText(string(a.Failure)),
		attemptTookMillis: optionalNumber(a.Took.Milliseconds()),
	})
	return mapOf(m)
}
