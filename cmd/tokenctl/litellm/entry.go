package litellm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// An entry is the entry of one model.
type entry struct {
	mode    string
	prices  map[string]decimal // by LiteLLM's name
	rounded bool
	extras  bool
}

// read reads one member. It keeps the prices, and the mode. A price in a form
// that is not a number is an error.
func (e *entry) read(name string, value json.RawMessage) error {
	switch {
	case name == "mode":
		return json.Unmarshal(value, &e.mode)
	case !isPrice(name) || isCheaperTier(name):
		return nil
	case isExtra(name):
		e.extras = true
		return nil
	}
	d, err := parseDecimal(string(value))
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	e.prices[name] = d
	return nil
}

// isPrice reports whether a member of an entry is a price. Prices in Databricks'
// units (DBU) stand beside the same prices in dollars.
func isPrice(name string) bool {
	return (strings.Contains(name, "cost") || strings.Contains(name, "pricing") || strings.Contains(name, "price")) && !strings.Contains(name, "_dbu_")
}

// isCheaperTier reports whether a price is that of a service tier that is never
// dearer than the standard one.
func isCheaperTier(name string) bool {
	return strings.HasSuffix(name, "_batches") || strings.HasSuffix(name, "_flex")
}

// isExtra reports whether a price is that of something that a request must ask
// for: a dearer service tier, or a tool that the vendor runs.
func isExtra(name string) bool {
	for _, tier := range []string{"_priority", "_ultrafast", "_balanced"} {
		if strings.HasSuffix(name, tier) {
			return true
		}
	}
	return slices.Contains([]string{
		"search_context_cost_per_query", "google_maps_grounding_cost_per_query", "code_interpreter_cost_per_session",
		"file_search_cost_per_1k_calls", "file_search_cost_per_gb_per_day", "vector_store_cost_per_gb_per_day",
		"computer_use_input_cost_per_1k_tokens", "computer_use_output_cost_per_1k_tokens",
	}, name)
}

var aboveTokens = regexp.MustCompile(`^(.+)_above_([1-9][0-9]{0,6})k_tokens$`)

// model returns the prices of a table. The error names what prevents it.
func (e *entry) model() (price.Model, error) {
	byStep := map[int64]map[string]decimal{0: {}}
	for name, d := range e.prices {
		var tokens int64
		if m := aboveTokens.FindStringSubmatch(name); m != nil {
			thousands, err := strconv.ParseInt(m[2], 10, 64)
			if err != nil {
				return price.Model{}, err
			}
			name, tokens = m[1], thousands*1000
		}
		if byStep[tokens] == nil {
			byStep[tokens] = map[string]decimal{}
		}
		byStep[tokens][name] = d
	}
	if err := e.checkNotFree(); err != nil {
		return price.Model{}, err
	}
	var m price.Model
	var err error
	if m.Rates, err = e.rates(byStep[0], price.Rates{}); err != nil {
		return m, err
	}
	for _, tokens := range slices.Sorted(maps.Keys(byStep))[1:] {
		rates, err := e.rates(byStep[tokens], m.Rates)
		if err != nil {
			return m, fmt.Errorf("above %d tokens: %w", tokens, err)
		}
		m.Above = append(m.Above, price.Step{InputTokens: tokens, Rates: notCheaper(rates, m.Rates)})
	}
	if m.Rates == (price.Rates{}) {
		return m, errors.New("it has no price")
	}
	return m, nil
}

// checkNotFree returns an error if every price is 0. LiteLLM has such entries for
// models whose price it does not know.
func (e *entry) checkNotFree() error {
	for _, d := range e.prices {
		if d.Sign() > 0 {
			return nil
		}
	}
	if len(e.prices) == 0 {
		return errors.New("it has no price")
	}
	return errors.New("all its prices are 0, which often means unknown")
}

// rates translates prices. base has the prices that apply where a step has none.
func (e *entry) rates(prices map[string]decimal, base price.Rates) (price.Rates, error) {
	left := maps.Clone(prices)
	var r price.Rates
	var err error
	take := func(into **int64, names ...string) {
		for _, name := range names {
			d, ok := left[name]
			delete(left, name)
			if !ok || err != nil || *into != nil {
				continue
			}
			n, rounded, tooLarge := d.nanos()
			if tooLarge {
				err = fmt.Errorf("%s is larger than any price of a table", name)
			}
			e.rounded = e.rounded || rounded
			*into = &n
		}
	}
	take(&r.Input, "input_cost_per_token")
	take(&r.Output, "output_cost_per_token")
	take(&r.CacheRead, "cache_read_input_token_cost", "input_cost_per_token_cache_hit")
	take(&r.CacheWrite, "cache_creation_input_token_cost")
	take(&r.CacheWrite1h, "cache_creation_input_token_cost_above_1hr")
	take(&r.Reasoning, "output_cost_per_reasoning_token")
	take(&r.PerRequest, "input_cost_per_request")
	if r.Input == nil && r.Output == nil { // else the tokens pay for images and seconds
		switch e.mode {
		case "image_generation":
			take(&r.PerImage, dearest(left, "output_cost_per_image", "input_cost_per_image")...)
		case "audio_transcription":
			take(&r.PerSecond, dearest(left, "output_cost_per_second", "input_cost_per_second")...)
		}
	} else if e.mode == "audio_transcription" {
		delete(left, "input_cost_per_second")
	}
	if err != nil {
		return r, err
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if d := left[name]; !covered(name, d, r, base) {
			return r, fmt.Errorf("%s can't be charged", name)
		}
	}
	return r, nil
}

// dearest returns the names, that of the highest price first.
func dearest(prices map[string]decimal, names ...string) []string {
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := prices[a], prices[b]
		return y.Cmp(&x.Rat)
	})
	return names
}

// covered reports whether a price that the table does not have is at most one
// that is charged in its place.
func covered(name string, d decimal, r, base price.Rates) bool {
	or := func(all ...*int64) *int64 {
		for _, p := range all {
			if p != nil {
				return p
			}
		}
		return nil
	}
	input, output := or(r.Input, base.Input), or(r.Output, base.Output)
	charged, ok := map[string]*int64{
		"input_cost_per_audio_token": input, "input_cost_per_image_token": input, "input_cost_per_video_token": input,
		"cache_read_input_audio_token_cost":     or(r.CacheRead, base.CacheRead, input),
		"cache_read_input_image_token_cost":     or(r.CacheRead, base.CacheRead, input),
		"cache_creation_input_audio_token_cost": or(r.CacheWrite, base.CacheWrite, input),
		"output_cost_per_audio_token":           output, "output_cost_per_image_token": output, "output_cost_per_video_token": output,
	}[name]
	if !ok || charged == nil {
		return d.Sign() == 0
	}
	n, _, tooLarge := d.nanos()
	return !tooLarge && n <= *charged
}

// notCheaper completes a step. Where the base has a price of its own for a cache
// or for reasoning and the step has none, the base's would apply although the
// step's tokens are dearer: the step then gets the price that a model without
// such a price has.
func notCheaper(step, base price.Rates) price.Rates {
	complete := func(into **int64, base, tokens *int64, times, of int64) {
		if *into != nil || base == nil || tokens == nil {
			return
		}
		n := max(*base, new(big.Int).Div(big.NewInt(*tokens*times+of-1), big.NewInt(of)).Int64())
		*into = &n
	}
	complete(&step.CacheRead, base.CacheRead, step.Input, 1, 1)
	complete(&step.CacheWrite, base.CacheWrite, step.Input, 5, 4)
	complete(&step.CacheWrite1h, base.CacheWrite1h, step.Input, 2, 1)
	complete(&step.Reasoning, base.Reasoning, step.Output, 1, 1)
	return step
}
