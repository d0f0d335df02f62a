package history_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestMaxModels adds uses of more models than a tally tells apart, in several tallies
// that are merged. No use is lost, and the tally stays small.
func TestMaxModels(t *testing.T) {
	t.Parallel()
	var sum history.Tally
	const models = 3 * history.MaxModels
	for i := range models {
		var one history.Tally
		one.Add(price.Use{Model: fmt.Sprint("m", i), Requests: 1, Units: 2}, price.Use{Model: fmt.Sprint("m", i%7), Requests: 1, Units: 1})
		sum.Merge(one)
	}
	if got := sum.Total(); got.Requests != 2*models || got.Units != 3*models {
		t.Errorf("got %+v, want %d requests and %d units", got, 2*models, 3*models)
	}
	if n := len(sum.Models); n != history.MaxModels+1 {
		t.Errorf("got %d models, want %d and the others", n, history.MaxModels)
	}
	long := strings.Repeat("m", token.MaxModelNameLength+1)
	sum.Add(price.Use{Model: long, Requests: 1})
	sum.Refuse(long, 1)
	if len(sum.Models) != history.MaxModels+1 || sum.Refusals[history.OtherModels] != 1 {
		t.Errorf("got %d models and refusals %v, want no name that is too long", len(sum.Models), sum.Refusals)
	}
	if got := sum.Models["m3"]; got.Requests < models/7 {
		t.Errorf("got %+v for a model that was known early, want it counted by name", got)
	}
}

// Numbers stay at the largest one that JSON carries exactly.
func TestTallySaturates(t *testing.T) {
	t.Parallel()
	var sum history.Tally
	for range 3 {
		sum.Add(price.Use{Units: token.MaxInteger - 1, Usage: price.Usage{InputTokens: token.MaxInteger}})
		sum.Refuse("disabled", token.MaxInteger-1)
	}
	if u := sum.Models[""]; u.Units != token.MaxInteger || u.InputTokens != token.MaxInteger || sum.Refusals["disabled"] != token.MaxInteger {
		t.Errorf("got %+v, want %d", sum, int64(token.MaxInteger))
	}
}
