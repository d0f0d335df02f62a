package dynamo

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// attrNote, in a TOKEN item and in others that administrative changes write (see
// changenote.go), is a map that says what the last write of the item was, as far as
// that can't be seen from the item before and after it. The readers of the table's
// stream need it; nothing else reads it. A write without a note drops the one that is
// there, so a note is about one record of the stream.
const attrNote = "did"

// In a note of a use. Numbers that are 0 are left out.
const (
	noteRequests = "n"
	noteModel    = "m"
	noteDollars  = "d" // nano-dollars
	noteUnits    = "u" // only in a part of a note
	noteParts    = "p" // a list of such maps, if a charge was for several uses
)

// noteRefusals, in a note, is a map of numbers by quota.Reason.Name: requests that
// were refused since the last such note of the same process.
const noteRefusals = "x"

// noteNumbers are the letters of price.Usage.Numbers.
func noteNumbers() [8]string { return [...]string{"i", "o", "r", "w", "h", "t", "g", "a"} }

// noteUse notes what an operation charges for. Operations that charge nothing have
// no note.
func noteUse(e *expression, o quota.Operation) {
	switch {
	case o.Kind != quota.KindSpend && o.Kind != quota.KindSettle:
	case o.Uses != nil:
		parts := make([]types.AttributeValue, len(o.Uses))
		for i, use := range o.Uses {
			parts[i] = mapOf(useItem(use))
		}
		if len(parts) > 0 {
			e.set(attrNote, mapOf(item{noteParts: optionalValues(parts)}))
		}
	default:
		use := o.Use
		use.Model, use.Requests = cmp.Or(use.Model, o.Model), 1
		e.set(attrNote, mapOf(useItem(use)))
	}
}

// noteRefused notes refusals.
func noteRefused(e *expression, refusals map[string]int64) {
	counts := item{}
	for name, n := range refusals {
		counts[name] = number(n)
	}
	if len(counts) > 0 {
		e.set(attrNote, mapOf(item{noteRefusals: mapOf(counts)}))
	}
}

// modelName returns the value of the name of a model. It masks a key that a client sent
// as one, so that neither the item nor what is made of it has the key.
func modelName(model string) types.AttributeValue { return optionalText(credential.Redact(model)) }

// useItem is also the value of a model in a HOUR or DAY item.
func useItem(use price.Use) item {
	m := item{
		noteRequests: optionalNumber(use.Requests), noteModel: modelName(use.Model),
		noteDollars: optionalNumber(use.NanoDollars), noteUnits: optionalNumber(use.Units),
	}
	numbers := use.Numbers()
	for i, letter := range noteNumbers() {
		m[letter] = optionalNumber(*numbers[i])
	}
	present := item{}
	setPresent(present, m)
	return present
}

// uses returns the uses in a note. It is empty for any other note.
func (r *reader) uses() (uses []price.Use) {
	m := r.nested(attrNote)
	for _, part := range m.maps(noteParts) {
		uses = append(uses, part.use())
		m.merge(part)
	}
	if use := m.use(); use.Requests > 0 {
		uses = append(uses, use)
	}
	r.merge(m)
	return uses
}

func (r *reader) use() price.Use {
	use := price.Use{
		Model: r.text(noteModel), NanoDollars: r.number(noteDollars), Requests: r.number(noteRequests), Units: r.number(noteUnits),
	}
	numbers := use.Numbers()
	for i, letter := range noteNumbers() {
		*numbers[i] = r.number(letter)
	}
	return use
}

// dropNote makes a write without a note drop the one that is there.
func dropNote(key item, e *expression) {
	partition := reader{item: key}
	if _, noted := e.names["#"+attrNote]; !noted && hasNotes(partition.text(PartitionKey)) {
		e.remove(e.name(attrNote))
	}
}
