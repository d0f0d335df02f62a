// Package history says what tokens were used for, by hour and by day. The table's
// stream has every charge of a token; a Tally adds up those of a period.
package history

import (
	"time"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Retention is how long a period is kept after its begin.
const Retention = 400 * 24 * time.Hour

// MaxModels is how many models, and how many reasons, a Tally tells apart. A caller may
// name any model, so without a limit it could make a period too large to be stored.
// Further ones, and those with a name longer than token.MaxModelNameLength, count for
// OtherModels.
const (
	MaxModels   = 50
	OtherModels = "(other)"
)

// The lengths of periods, in seconds. Periods begin at multiples of their length
// from the Unix epoch, so days are those of UTC.
const (
	HourSeconds = 60 * 60
	DaySeconds  = 24 * HourSeconds
)

// A Tally is what one token was used for in a period. The zero Tally is empty.
type Tally struct {
	Models   map[string]price.Use // by name; "" is uses without a model
	Refusals map[string]int64     // requests refused by reason, by quota.Reason.Name; sampled, so at least that many
}

// Empty reports whether nothing is in the tally.
func (t Tally) Empty() bool { return len(t.Models) == 0 && len(t.Refusals) == 0 }

// Add adds uses. Numbers that would exceed token.MaxInteger stay there.
func (t *Tally) Add(uses ...price.Use) {
	for _, use := range uses {
		name := toldApart(t.Models, use.Model)
		if t.Models == nil {
			t.Models = map[string]price.Use{}
		}
		sum := t.Models[name].Plus(use)
		sum.Model = name
		t.Models[name] = sum
	}
}

// toldApart returns the name under which something is counted, so that a tally is never
// too large to be stored.
func toldApart[V any](counted map[string]V, name string) string {
	if _, known := counted[name]; !known && len(counted) >= MaxModels || utf8.RuneCountInString(name) > token.MaxModelNameLength {
		return OtherModels
	}
	return name
}

// Refuse adds refusals for a reason.
func (t *Tally) Refuse(reason string, n int64) {
	if t.Refusals == nil {
		t.Refusals = map[string]int64{}
	}
	reason = toldApart(t.Refusals, reason)
	t.Refusals[reason] = token.AddSaturated(t.Refusals[reason], n)
}

// Merge adds another tally.
func (t *Tally) Merge(other Tally) {
	for _, use := range other.Models {
		t.Add(use)
	}
	for reason, n := range other.Refusals {
		t.Refuse(reason, n)
	}
}

// Total returns the uses of all models together, without a name.
func (t Tally) Total() price.Use {
	var sum price.Use
	for _, use := range t.Models {
		sum = sum.Plus(use)
	}
	return sum
}

// A Period is what one token was used for in an hour or a day.
type Period struct {
	UserID, TokenID int64
	Start           int64  // Unix second
	Name            string // of the token, as it was last in a day; "" for an hour
	Tally
	Through  int64 // the Unix second of the newest change that is counted
	Revision int64 // of the token's ledger after that change
}
