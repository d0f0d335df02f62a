package event_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/history"
)

// The largest changes, and those with credentials in them, make an event that can be
// sent.
func TestOfChangeBounds(t *testing.T) {
	t.Parallel()
	key := credential.NewKey(1, 2).Reveal()
	for name, tt := range map[string]struct {
		text   string
		values bool
	}{
		"small": {"x", true},
		"large": {strings.Repeat("\u2028", event.MaxBytes), false},
		"key":   {key, true},
	} {
		value, err := json.Marshal(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		facts := event.OfChange(history.Entry{
			UserID: 3, TokenID: 7, Name: key, Action: history.TokenUpdated, By: history.ByUser,
			Changes: []history.Change{{Setting: "models", Before: value, After: value}},
		}, event.Changed)
		if len(facts) != 1 || facts[0].Type != event.TokenUpdated {
			t.Fatalf("%s: got %+v", name, facts)
		}
		e, err := event.New(3, event.NewID(name), facts[0].Type, time.Unix(1, 0), facts[0].Data)
		if err != nil || strings.Contains(string(e.Data), key) || strings.Contains(string(e.Data), "before") != tt.values {
			t.Errorf("%s: got %.200s, %v", name, e.Data, err)
		}
	}
}

// What is not about a token is no event.
func TestOfChangeOfUser(t *testing.T) {
	t.Parallel()
	if facts := event.OfChange(history.Entry{UserID: 3, Action: history.BudgetSet}, event.Changed); facts != nil {
		t.Errorf("got %+v", facts)
	}
}
