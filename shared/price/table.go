package price

import (
	"errors"
	"strings"
)

// DefaultUnitsPerDollar is the scale of quota if a price table names none. It is
// New API's.
const DefaultUnitsPerDollar = 500_000

// ErrNotPriced means that the table has no price for a model, or none for
// something that the request used. Such a request must be refused.
var ErrNotPriced = errors.New("model has no price")

// A Table says what units are worth and what each model costs. A nil *Table is
// valid: then one unit is one token, whatever the model.
type Table struct {
	Revision       int64             // plus 1 each time the operator sets the table
	UnitsPerDollar int64             // 0 means DefaultUnitsPerDollar
	Unpriced       *Model            // the price of models that Models does not have; nil refuses them
	Groups         map[string]Factor // by token group; other groups pay FactorOne
	Models         map[string]Model  // by name, or by prefix with a trailing "*"
}

// A Factor multiplies prices, in millionths.
type Factor int64

// FactorOne leaves prices as they are.
const FactorOne Factor = 1_000_000

// A Model is the prices of one model.
type Model struct {
	Rates
	Above []Step // from the fewest tokens to the most
}

// A Step changes some prices of a model for long inputs.
type Step struct {
	InputTokens int64 // from this many input tokens on, with those of caches
	Rates             // nil prices stay as they are
}

// Rates are prices in nano-dollars. A nil price is not set; see Table.Cost for
// what that means.
type Rates struct {
	Input        *int64 // per token
	Output       *int64 // per token
	CacheRead    *int64 // per token
	CacheWrite   *int64 // per token kept for 5 minutes
	CacheWrite1h *int64 // per token kept for 1 hour
	Reasoning    *int64 // per token
	PerRequest   *int64
	PerImage     *int64 // per image made
	PerSecond    *int64 // per second of audio
}

// lookup returns the prices of a model: those of its name, else those of the
// longest prefix, else those of unpriced models.
func (t *Table) lookup(name string) (Model, bool) {
	if m, ok := t.Models[name]; ok && !strings.HasSuffix(name, "*") {
		return m, true
	}
	for n := len(name); n >= 0; n-- {
		if m, ok := t.Models[name[:n]+"*"]; ok {
			return m, true
		}
	}
	if t.Unpriced != nil {
		return *t.Unpriced, true
	}
	return Model{}, false
}

// ratesFor returns the prices for a number of input tokens.
func (m Model) ratesFor(inputTokens int64) Rates {
	rates := m.Rates
	for _, step := range m.Above {
		if inputTokens >= step.InputTokens {
			rates = rates.with(step.Rates)
		}
	}
	return rates
}

// with returns the rates with those of other that are set.
func (r Rates) with(other Rates) Rates {
	from := other.pointers()
	for i, p := range r.pointers() {
		if *from[i] != nil {
			*p = *from[i]
		}
	}
	return r
}

// pointers returns every price, in a fixed order.
func (r *Rates) pointers() [9]**int64 {
	return [...]**int64{
		&r.Input, &r.Output, &r.CacheRead, &r.CacheWrite, &r.CacheWrite1h, &r.Reasoning,
		&r.PerRequest, &r.PerImage, &r.PerSecond,
	}
}
