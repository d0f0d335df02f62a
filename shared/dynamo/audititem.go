package dynamo

import (
	"crypto/sha256"
	bigendian "encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of AUDIT items, beside TTL, attrName, attrUserID, attrTokenID, and those
// of a note.
const (
	attrWebhookID = "wid"
	auditBy       = "by"
	auditAt       = "at"      // Unix milliseconds
	auditChanges  = "changes" // JSON
)

// auditPartition has the changes of a user or, if id is not 0, of one of its tokens.
// User 0 has what concerns the whole deployment.
func auditPartition(userID, id int64) string {
	if id == 0 {
		return fmt.Sprintf("A#%d", userID)
	}
	return fmt.Sprintf("A#%d#%d", userID, id)
}

// entryOf returns the entry of the audit trail for a record; ok is false if the record
// is no administrative change. If an error comes with an entry, the entry lacks what
// could not be read.
func entryOf(r StreamRecord) (entry history.Entry, ok bool, err error) {
	if userID, id, purged := r.Purged(); purged {
		if revoked(r.Before) { // it was deleted before
			return entry, false, nil
		}
		last := reader{item: r.Before}
		entry = history.Entry{UserID: userID, TokenID: id, Name: last.text(attrName), Action: history.TokenPurged, By: history.ByService}
		entry.At = second(r) + maxNoteFuture // after all changes of that second, as a deletion
		return stamped(entry, r, 2*last.number(attrVersion)+1, last.err)
	}
	after := reader{item: r.After}
	note := after.nested(attrNote)
	if r.Event == "REMOVE" || !note.has(noteAction) {
		return entry, false, nil
	}
	entry = history.Entry{
		Action: note.text(noteAction), By: history.ByOperator, At: note.number(noteTime),
		Slot: note.number(noteSlot), UserVersion: note.number(noteIssue), Address: note.text(noteAddress),
		RequestID: note.text(noteRequestID), Command: note.text(noteCommand), Person: note.text(notePerson),
	}
	if note.has(noteSlot) {
		entry.By = history.ByUser
	}
	if note.flag(noteKeyHolder) {
		entry.By = history.ByKey
	}
	if note.flag(noteService) {
		entry.By = history.ByService
	}
	after.merge(note)
	version, err := describe(&entry, r)
	if entry.Action == history.WebhookUpdated && len(entry.Changes) == 0 && err == nil {
		return entry, false, after.err
	}
	return stamped(entry, r, version, errors.Join(after.err, err))
}

// describe sets what was changed, and returns a number that grows with the changes of
// the item.
func describe(entry *history.Entry, r StreamRecord) (version int64, err error) {
	after := reader{item: r.After}
	partition, sort := r.Partition, r.Number
	version = after.number(attrVersion)
	switch {
	case partition == auditedPrices:
		version = after.number(attrRevision)
		entry.Changes, err = priceChanges(r)
	case strings.HasPrefix(partition, walletPrefix):
		entry.UserID = afterPrefix(partition, walletPrefix)
		version = after.number(attrRevision)
		before, err1 := readWallet(r.Before, entry.UserID)
		next, err2 := readWallet(r.After, entry.UserID)
		entry.Changes, err = history.BudgetChanges(before, next), errors.Join(err1, err2)
	case entry.Action == history.TokenDeleted && strings.HasPrefix(partition, userPrefix):
		note := after.nested(attrNote)
		entry.UserID, entry.TokenID, entry.Name = afterPrefix(partition, userPrefix), note.number(noteDeletedID), note.text(noteDeletedName)
		return lastVersion, note.err
	case strings.HasPrefix(partition, userPrefix) && sort == "0":
		entry.UserID = afterPrefix(partition, userPrefix)
		before, _, err1 := readUser(r.Before, entry.UserID)
		next, _, err2 := readUser(r.After, entry.UserID)
		if len(r.Before) == 0 {
			before = token.User{}
		}
		action, changes := history.UserChanges(before, next)
		if entry.Changes, err = changes, errors.Join(err1, err2); entry.Action == history.UserUpdated {
			entry.Action = action
		}
	case strings.HasPrefix(partition, userPrefix) && sort == "-1":
		entry.UserID = afterPrefix(partition, userPrefix)
		before, _, err1 := readPolicy(r.Before)
		next, _, err2 := readPolicy(r.After)
		entry.Changes, err = history.PolicyChanges(before, next), errors.Join(err1, err2)
	case strings.HasPrefix(partition, endpointPrefix):
		return describeEndpoint(entry, r)
	default:
		return describeToken(entry, r)
	}
	return version, err
}

func describeToken(entry *history.Entry, r StreamRecord) (version int64, err error) {
	userID, id, ok := parseTokenKey(r.Partition, r.Number)
	if !ok {
		return 0, fmt.Errorf("a note in an item that has none: %s %s", r.Partition, r.Number)
	}
	var before token.Token
	if len(r.Before) > 0 {
		before, err = readToken(r.Before, userID)
	}
	after, afterErr := readToken(r.After, userID)
	entry.UserID, entry.TokenID, entry.Name, version = userID, id, after.Name, 2*after.Version
	if revoked(r.After) {
		return version + 1, errors.Join(err, afterErr)
	}
	entry.Changes = history.TokenChanges(before, after, r.Time.Unix())
	if c := entry.Changes; entry.Action == history.TokenUpdated && len(c) == 1 && c[0].Setting == "status" {
		entry.Action = map[bool]string{true: history.TokenDisabled, false: history.TokenEnabled}[after.Disabled]
	}
	return version, errors.Join(err, afterErr)
}

const auditedPrices = "P"

func priceChanges(r StreamRecord) ([]history.Change, error) {
	table := func(it item) (*price.Table, error) {
		if len(it) == 0 {
			return nil, nil //nolint:nilnil // there was no table
		}
		one := reader{item: it}
		t, err := price.Parse([]byte(one.text(attrPriceFile)))
		if err == nil {
			t.Revision, err = one.number(attrRevision), one.err
		}
		return t, err
	}
	before, err := table(r.Before)
	after, err2 := table(r.After)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	return history.PriceChanges(before, after), nil
}

func afterPrefix(partition, prefix string) int64 {
	n, _ := strconv.ParseInt(strings.TrimPrefix(partition, prefix), 10, 64)
	return n
}

// How far the time in a note may be from the one that DynamoDB gives the record, which
// is in whole seconds: a request may take a while. The clocks of functions can be wrong.
const (
	maxNoteAge    = 60_000
	maxNoteFuture = 999
)

const (
	maxAuditTime = 1e13 - 1 // in Unix milliseconds, of 13 digits
	lastVersion  = 1e10 - 1 // of 10 digits
)

// maxFoldedText is how many bytes a text of a TOKEN item may have to be kept in a DAY or
// an AUDIT item. The rules of tokens allow less.
const maxFoldedText = 30_000

// stamped returns an entry with its time and its ID, which are a function of the
// record. The ID has 38 digits, as many as a number in DynamoDB: 13 of the time, then 10
// that grow with the changes of the item, then 15 that differ for each record.
func stamped(entry history.Entry, r StreamRecord, version int64, err error) (history.Entry, bool, error) {
	recorded := second(r)
	if entry.At == 0 {
		entry.At = recorded
	}
	entry.At = min(max(entry.At, recorded-maxNoteAge), recorded+maxNoteFuture)
	entry.At, version = min(max(entry.At, 0), maxAuditTime), max(version, 0) // so that there are 38 digits, whatever the item has
	sum := sha256.Sum256([]byte(r.Partition + "|" + r.Number + "|" + r.position()))
	entry.ID = fmt.Sprintf("%013d%010d%015d", entry.At, version%1e10, bigendian.BigEndian.Uint64(sum[:])%1e15)
	return entry, true, err
}

// second returns the second of a record, in Unix milliseconds.
func second(r StreamRecord) int64 { return r.Time.UnixMilli() / 1000 * 1000 }

func decimal(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// entryItems returns the AUDIT items of an entry: one in the partition of the user and,
// if it is about a token, one in that of the token.
func entryItems(e history.Entry) []item {
	it := item{
		SortKey: decimal(e.ID), TTL: number(e.At/1000 + retainedSeconds), auditAt: number(e.At), auditBy: text(string(e.By)), noteAction: text(e.Action),
	}
	var changes string
	if len(e.Changes) > 0 {
		content, _ := json.Marshal(e.Changes) //nolint:errchkjson // its values are JSON already
		changes = string(content)
	}
	setPresent(it, item{
		attrUserID: optionalNumber(e.UserID), attrTokenID: optionalNumber(e.TokenID), attrWebhookID: optionalNumber(e.WebhookID), attrName: optionalText(credential.Redact(e.Name)),
		noteIssue: optionalNumber(e.UserVersion), noteSlot: optionalNumber(e.Slot), noteAddress: optionalText(e.Address),
		noteRequestID: optionalText(e.RequestID), noteCommand: optionalText(e.Command), notePerson: optionalText(e.Person),
		auditChanges: optionalText(credential.Redact(changes)),
	})
	maps.DeleteFunc(it, func(_ string, value types.AttributeValue) bool { return sizeOfValue(value) > maxFoldedText })
	items := make([]item, 0, 2)
	for _, id := range slices.Compact([]int64{0, e.TokenID}) {
		one := maps.Clone(it)
		one[PartitionKey] = text(auditPartition(e.UserID, id))
		items = append(items, one)
	}
	return items
}

// readEntry reads an AUDIT item.
func readEntry(it item) (history.Entry, error) {
	r := reader{item: it}
	e := history.Entry{
		UserID: r.number(attrUserID), TokenID: r.number(attrTokenID), WebhookID: r.number(attrWebhookID), Name: r.text(attrName), Action: r.text(noteAction),
		At: r.number(auditAt), By: history.Kind(r.text(auditBy)), Slot: r.number(noteSlot), UserVersion: r.number(noteIssue),
		RequestID: r.text(noteRequestID), Address: r.text(noteAddress), Command: r.text(noteCommand), Person: r.text(notePerson),
	}
	if n, ok := it[SortKey].(*types.AttributeValueMemberN); ok {
		e.ID = n.Value
	}
	if changes := r.text(auditChanges); changes != "" {
		if err := json.Unmarshal([]byte(changes), &e.Changes); err != nil {
			return e, fmt.Errorf("changes: %w", err)
		}
	}
	return e, r.err
}
