package dynamo

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
)

// EventsOf returns the events of a record of the stream. They are a function of the
// record: the same record gives the same events with the same ids, however often it
// comes. The events about refusals by rates have an id for each token and hour, so a
// consumer that drops repeated ids gets one of them in an hour. An error comes with
// the events that could be read.
func EventsOf(r StreamRecord) ([]event.Event, error) {
	t := teller{record: r}
	entry, isChange, err := entryOf(r)
	if isChange {
		t.add(entry.UserID, time.UnixMilli(entry.At), event.OfChange(entry, outcomeOf(r))...)
	}
	t.err = errors.Join(t.err, err)
	switch {
	case r.Event != "MODIFY":
	case strings.HasPrefix(r.Partition, walletPrefix) && !isChange:
		t.addDraw()
	default:
		t.addUse()
	}
	return t.events, t.err
}

// A teller collects the events of a record.
type teller struct {
	record StreamRecord
	events []event.Event
	err    error
}

func (t *teller) add(userID int64, at time.Time, facts ...event.Fact) {
	for _, f := range facts {
		t.addWithID(userID, at, f, t.record.position())
	}
}

// addWithID adds an event whose id depends on the item, the type, and a text.
func (t *teller) addWithID(userID int64, at time.Time, f event.Fact, text string) {
	id := event.NewID(t.record.Partition, t.record.Number, text, string(f.Type))
	e, err := event.New(userID, id, f.Type, at, f.Data)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	t.events = append(t.events, e)
}

// addUse adds what a write of a token tells about its quotas and rates. A token that
// is being deleted tells nothing.
func (t *teller) addUse() {
	r := t.record
	userID, _, ok := parseTokenKey(r.Partition, r.Number)
	if !ok || revoked(r.Before) || revoked(r.After) {
		return
	}
	before, err1 := readToken(r.Before, userID)
	after, err2 := readToken(r.After, userID)
	refusals, err3 := refusalsOf(r.After)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	for _, use := range event.OfUse(before, after) {
		t.addWithID(userID, r.Time, use.Fact, r.position()+use.Key)
	}
	for _, f := range event.OfRefusals(after, refusals) {
		t.addWithID(userID, r.Time, f, strconv.FormatInt(r.Time.Unix()/int64(time.Hour/time.Second), 10))
	}
}

// addDraw adds what a draw from a wallet tells.
func (t *teller) addDraw() {
	userID := afterPrefix(t.record.Partition, walletPrefix)
	before, err1 := readWallet(t.record.Before, userID)
	after, err2 := readWallet(t.record.After, userID)
	if err := errors.Join(err1, err2); err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	t.add(userID, t.record.Time, event.OfDraw(before, after)...)
}

// refusalsOf returns the refusals that the last write of a token has recorded.
func refusalsOf(it item) (map[string]int64, error) {
	r := reader{item: it}
	note := r.nested(attrNote)
	counts := note.nested(noteRefusals)
	refusals := map[string]int64{}
	for name := range counts.item {
		refusals[name] = counts.number(name)
	}
	note.merge(counts)
	r.merge(note)
	return refusals, r.err
}

// outcomeOf says what a change made of a token.
func outcomeOf(r StreamRecord) event.Outcome {
	switch {
	case revoked(r.After):
		return event.Removed
	case r.Event == "INSERT":
		return event.Created
	default:
		return event.Changed
	}
}
