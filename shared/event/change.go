package event

import (
	"encoding/json"
	"slices"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
)

// maxChangesBytes is how large the changes in an event are at most: half of
// MaxBytes.
const maxChangesBytes = MaxBytes / 2

// An Outcome says what a change made of a token.
type Outcome int

// The outcomes.
const (
	Changed Outcome = iota
	Created         // there was no token before
	Removed         // its keys don't work any more, for good
)

// OfChange returns what an entry of the audit trail tells, or nothing if it is not
// about a token. A change of the status and of other settings tells both.
func OfChange(e history.Entry, o Outcome) []Fact {
	if e.TokenID == 0 {
		return nil
	}
	data := Change{
		Token:  TokenOf(e.UserID, e.TokenID, e.Name),
		Action: e.Action, By: e.By, Changes: boundedChanges(e.Changes),
	}
	var facts []Fact
	for _, t := range typesOf(e, o) {
		facts = append(facts, Fact{t, data})
	}
	return facts
}

func typesOf(e history.Entry, o Outcome) []Type {
	switch {
	case e.Action == history.TokenPurged:
		return []Type{TokenPurged}
	case o == Removed || e.Action == history.TokenDeleted:
		return []Type{TokenDeleted}
	case o == Created:
		return []Type{TokenCreated}
	case e.Action == history.TokenRotated:
		return []Type{TokenRotated}
	}
	var types []Type
	others := len(e.Changes)
	if i := indexOf(e, "status"); i >= 0 {
		t := TokenEnabled
		if string(e.Changes[i].After) != "1" {
			t = TokenDisabled
		}
		types, others = append(types, t), others-1
	}
	if i := indexOf(e, "leaked_time"); i >= 0 && string(e.Changes[i].After) != "0" {
		if !slices.Contains(types, TokenDisabled) {
			types = append(types, TokenDisabled)
		}
		others--
	}
	if others > 0 || len(types) == 0 {
		types = append(types, TokenUpdated)
	}
	return types
}

func indexOf(e history.Entry, setting string) int {
	return slices.IndexFunc(e.Changes, func(c history.Change) bool { return c.Setting == setting })
}

// boundedChanges returns changes without what looks like a credential, and without
// values if they are too large.
func boundedChanges(all []history.Change) []history.Change {
	content, err := json.Marshal(all)
	var bounded []history.Change
	if err == nil && len(content) <= maxChangesBytes && json.Unmarshal([]byte(credential.Redact(string(content))), &bounded) == nil {
		return bounded
	}
	for _, c := range all {
		bounded = append(bounded, history.Change{Setting: c.Setting})
	}
	return bounded
}
