package dynamo

import (
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
)

// The attributes of HOUR and DAY items, beside TTL and, in a DAY, attrName.
const (
	historySequence = "seq"      // the position in the stream of the newest record that is counted, see position
	historyModels   = "m"        // a map of uses, as in a note, by modelPrefix and the name of the model
	historyRefusals = "x"        // a map of numbers, by reason
	historyThrough  = "through"  // Unix second of the newest record that is counted
	historyRevision = "revision" // of the token's ledger after it
	historyAside    = "aside"    // a map of the attributes that the item had when not all of them could be read
)

// maxAsideBytes is the size of an item up to which it is set aside. Those of a history
// are smaller, and an item of DynamoDB has a limit of 400 KB.
const maxAsideBytes = 100_000

// setAside returns what an item has aside, if it can't be read or could not be some
// time before. Nothing reads it but a person who wants to repair the item.
func setAside(stored item, unread error) types.AttributeValue {
	if unread == nil || stored[historyAside] != nil {
		return stored[historyAside]
	}
	aside := maps.Clone(stored)
	delete(aside, PartitionKey)
	delete(aside, SortKey)
	if sizeOf(aside) > maxAsideBytes {
		return nil
	}
	return mapOf(aside)
}

// modelPrefix is before the name of a model, because a key must not be empty.
const modelPrefix = "."

const retainedSeconds = int64(history.Retention / 1e9)

// hourKey is the key of the HOUR item of a token that has a Unix second.
func hourKey(userID, id, second int64) item {
	return key(hoursPartition(userID, id), second/history.HourSeconds)
}

func hoursPartition(userID, id int64) string { return fmt.Sprintf("Y#%d#%d", userID, id) }

// dayKey is the key of the DAY item of a token that has a Unix second. A partition
// has the days of a bucket of tokens, so that those of all tokens can be read
// together, day by day.
func dayKey(userID, id, second int64) item {
	return key(daysPartition(userID, pages.BucketOf(id)), second/history.DaySeconds*pages.BucketSize+(id-1)%pages.BucketSize)
}

func daysPartition(userID, bucket int64) string { return fmt.Sprintf("Z#%d#%d", userID, bucket) }

// setTally sets the tally of a HOUR or DAY item.
func setTally(it item, t history.Tally) {
	models, refusals := item{}, item{}
	for name, use := range t.Models {
		use.Model = ""
		models[modelPrefix+name] = mapOf(useItem(use))
	}
	for reason, n := range t.Refusals {
		refusals[reason] = number(n)
	}
	setPresent(it, item{historyModels: optionalMap(models), historyRefusals: optionalMap(refusals)})
}

func (r *reader) tally() history.Tally {
	var t history.Tally
	models := r.nested(historyModels)
	for key := range models.item {
		m := models.nested(key)
		use := m.use()
		use.Model = strings.TrimPrefix(key, modelPrefix)
		models.merge(m)
		t.Add(use)
	}
	r.merge(models)
	refusals := r.nested(historyRefusals)
	for reason := range refusals.item {
		t.Refuse(reason, refusals.number(reason))
	}
	r.merge(refusals)
	return t
}

// readHour reads a HOUR item.
func readHour(it item, userID, id int64) (history.Period, error) {
	r := reader{item: it}
	p := history.Period{UserID: userID, TokenID: id, Start: r.number(SortKey) * history.HourSeconds}
	r.period(&p)
	return p, r.err
}

// readDay reads a DAY item of a bucket.
func readDay(it item, userID, bucket int64) (history.Period, error) {
	r := reader{item: it}
	n := r.number(SortKey)
	p := history.Period{
		UserID: userID, TokenID: bucket*pages.BucketSize + n%pages.BucketSize + 1,
		Start: n / pages.BucketSize * history.DaySeconds, Name: r.text(attrName),
	}
	r.period(&p)
	return p, r.err
}

func (r *reader) period(p *history.Period) {
	p.Tally, p.Through, p.Revision = r.tally(), r.number(historyThrough), r.number(historyRevision)
}

// chargesOf returns what a change of a TOKEN item charged or refused. What it
// charged is what used grew by, so a history adds up to exactly that. The note says
// what for. Units of a hold that was charged because it expired are for the model
// of its reservation; so are those of a settlement that names none.
func chargesOf(r StreamRecord) (t history.Tally, err error) {
	before, after := reader{item: r.Before}, reader{item: r.After}
	charged := after.number(attrUsed) - before.number(attrUsed)
	uses := after.uses()
	expired, settled := endedHolds(&before, &after, len(uses) > 0)
	for _, use := range expired {
		if use.Units = min(use.Units, charged); use.Units > 0 {
			charged -= use.Units
			t.Add(use)
		}
	}
	for i, use := range uses {
		if use.Model == "" && len(uses) == 1 {
			use.Model = settled
		}
		use.Units = min(use.Units, max(0, charged))
		if i == len(uses)-1 {
			use.Units = max(0, charged)
		}
		charged -= use.Units
		t.Add(use)
	}
	if charged > 0 { // by a write that says nothing about it, such as a restore's
		t.Add(price.Use{Units: charged})
	}
	refused := after.nested(attrNote)
	reasons := refused.nested(noteRefusals)
	for reason := range reasons.item {
		t.Refuse(reason, reasons.number(reason))
	}
	refused.merge(reasons)
	after.merge(refused)
	before.merge(&after)
	return t, before.err
}

// endedHolds returns the holds that were open before a change and were charged by it
// because they had expired, as uses, and the model of the hold that it settled. The last
// of them may have been released instead: a release forgets its hold, as does a
// change that finds one that expired long ago.
func endedHolds(before, after *reader, settles bool) (expired []price.Use, settled string) {
	now := after.number(attrAccessed)
	used := now != before.number(attrAccessed) // else the item does not say when the change was made
	var perhaps []price.Use
	old, next := before.nested(attrRecords), after.nested(attrRecords)
	for key := range old.item {
		was, is := old.nested(key), next.nested(key)
		record := readRecord(was)
		old.merge(was)
		switch {
		case !record.Open() || next.has(key) && !is.has(recordEnded):
		case settles && (record.ExpiresAt > now || is.has(recordCharged)):
			settled = record.Model
		case record.ExpiryCharge == 0 || is.has(recordBeforeEnd):
		case is.has(recordEnded) || record.ExpiresAt <= now:
			expired = append(expired, price.Use{Model: record.Model, Units: record.ChargedOnExpiry()})
		case !used:
			perhaps = append(perhaps, price.Use{Model: record.Model, Units: record.ChargedOnExpiry()})
		}
	}
	before.merge(old)
	after.merge(next)
	return append(expired, perhaps...), settled
}
