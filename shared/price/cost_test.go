package price_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// file has the vendors' list prices of 2025 for the models that it names.
const file = `{
	"units_per_dollar": 500000, "unpriced": "refuse", "groups": {"vip": "0.8", "test": "0"},
	"models": {
		"gpt-4o*": {"input": "2.50", "output": "10.00", "cache_read": "1.25"},
		"gpt-4o-mini*": {"input": "0.15", "output": "0.60", "cache_read": "0.075"},
		"gpt-4o-mini-tts": {"input": "0.60", "output": "12.00"},
		"claude-sonnet-4-5": {"input": "3", "output": "15", "cache_read": "0.30", "cache_write": "3.75", "cache_write_1h": "6",
			"above_200000": {"input": "6", "output": "22.50", "cache_read": "0.60", "cache_write": "7.50", "cache_write_1h": "12"}},
		"gemini-2.5-flash": {"input": "0.30", "output": "2.50", "cache_read": "0.03", "reasoning": "3.50"},
		"dall-e-3": {"per_image": "0.04"},
		"whisper-1": {"per_audio_second": "0.0001"},
		"search": {"per_request": "0.005", "input": "1"},
		"text-embedding-3-small": {"input": "0.02"},
		"plain": {"input": "1", "output": "2"},
		"free": {"input": "0", "output": "0"}
	}
}`

func parse(t testing.TB, text string) *price.Table {
	t.Helper()
	table, err := price.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Costs computed by hand. A dollar per million tokens is 1,000 nano-dollars per
// token; a unit is 2,000 nano-dollars.
func TestCost(t *testing.T) {
	for name, c := range map[string]struct {
		group, model string
		usage        price.Usage
		units        int64 // -1 if not priced
	}{
		// 1000×2500 + 500×10000 = 7,500,000
		"plain": {"", "gpt-4o", price.Usage{InputTokens: 1000, OutputTokens: 500}, 3750},
		// 200×2500 + 800×1250 + 100×10000 = 2,500,000
		"cache_read": {"", "gpt-4o-2024-11-20", price.Usage{InputTokens: 200, CacheReadTokens: 800, OutputTokens: 100}, 1250},
		// 1000×150 + 100×600 = 210,000
		"longest_prefix": {"", "gpt-4o-mini-2024", price.Usage{InputTokens: 1000, OutputTokens: 100}, 105},
		// 10×600 + 100×12000 = 1,206,000
		"exact_name": {"", "gpt-4o-mini-tts", price.Usage{InputTokens: 10, OutputTokens: 100}, 603},
		// 3×3000 + 2000×300 + 1000×3750 + 500×6000 + 100×15000 = 8,859,000, rounded up
		"cache_writes": {"", "claude-sonnet-4-5", price.Usage{InputTokens: 3, CacheReadTokens: 2000, CacheWriteTokens: 1000, CacheWrite1hTokens: 500, OutputTokens: 100}, 4430},
		// 199999×3000 + 1×15000 = 600,012,000
		"below_step": {"", "claude-sonnet-4-5", price.Usage{InputTokens: 199_999, OutputTokens: 1}, 300_006},
		// The cached input counts for the step: 100000×6000 + 100000×600 + 1×22500 = 660,022,500, rounded up
		"at_step": {"", "claude-sonnet-4-5", price.Usage{InputTokens: 100_000, CacheReadTokens: 100_000, OutputTokens: 1}, 330_012},
		// 100×300 + 50×2500 + 30×3500 = 260,000
		"reasoning": {"", "gemini-2.5-flash", price.Usage{InputTokens: 100, OutputTokens: 80, ReasoningTokens: 30}, 130},
		// 100×2500 + 80×10000: reasoning has no price of its own
		"reasoning_as_output": {"", "gpt-4o", price.Usage{InputTokens: 100, OutputTokens: 80, ReasoningTokens: 30}, 525},
		// 2 × 40,000,000
		"images": {"", "dall-e-3", price.Usage{InputTokens: 20, Images: 2}, 40_000},
		// 61 × 100,000
		"audio_seconds": {"", "whisper-1", price.Usage{AudioSeconds: 61}, 3050},
		// 5,000,000 + 10×1000
		"per_request": {"", "search", price.Usage{InputTokens: 10}, 2505},
		// 1×20 is less than a unit
		"rounded_up": {"", "text-embedding-3-small", price.Usage{InputTokens: 1}, 1},
		"nothing":    {"", "gpt-4o", price.Usage{}, 0},
		// 7,500,000 × 0.8
		"group": {"vip", "gpt-4o", price.Usage{InputTokens: 1000, OutputTokens: 500}, 3000},
		// 1×1000 × 0.8 is less than a unit
		"group_rounded_up": {"vip", "plain", price.Usage{InputTokens: 1}, 1},
		"free_group":       {"test", "gpt-4o", price.Usage{InputTokens: 1000, OutputTokens: 500}, 1},
		"free_model":       {"", "free", price.Usage{InputTokens: 1000, OutputTokens: 500}, 1},
		"free_but_unused":  {"", "free", price.Usage{}, 0},
		// 100×1000 read, 100×1250 and 100×2000 written
		"caches_without_price": {"", "plain", price.Usage{CacheReadTokens: 100, CacheWriteTokens: 100, CacheWrite1hTokens: 100}, 213},
		"negative":             {"", "gpt-4o", price.Usage{InputTokens: -5, OutputTokens: math.MinInt64}, 0},
		"saturated":            {"", "gpt-4o", price.Usage{InputTokens: math.MaxInt64, OutputTokens: math.MaxInt64, CacheReadTokens: math.MaxInt64}, token.MaxInteger},

		"unknown_model":       {"", "o1", price.Usage{InputTokens: 1}, -1},
		"pattern_is_no_name":  {"", "gpt-4", price.Usage{InputTokens: 1}, -1},
		"output_not_priced":   {"", "text-embedding-3-small", price.Usage{InputTokens: 1, OutputTokens: 1}, -1},
		"images_not_priced":   {"", "gpt-4o", price.Usage{InputTokens: 1, Images: 1}, -1},
		"seconds_not_priced":  {"", "gpt-4o", price.Usage{AudioSeconds: 1}, -1},
		"tokens_not_priced":   {"", "dall-e-3", price.Usage{InputTokens: 20, OutputTokens: 4000}, -1},
		"audio_tokens_only":   {"", "whisper-1", price.Usage{InputTokens: 20}, -1},
		"images_as_tokens":    {"", "plain", price.Usage{InputTokens: 10, OutputTokens: 4, Images: 1}, 9},
		"seconds_as_tokens":   {"", "plain", price.Usage{InputTokens: 10, OutputTokens: 4, AudioSeconds: 9}, 9},
		"reasoning_too_large": {"", "plain", price.Usage{OutputTokens: 4, ReasoningTokens: 9}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, file).Cost(c.group, c.model, c.usage)
			if c.units < 0 {
				if !errors.Is(err, price.ErrNotPriced) {
					t.Errorf("got %d units, %v, want ErrNotPriced", got.Units, err)
				}
				return
			}
			if got.Units != c.units || err != nil {
				t.Errorf("got %d units, %v, want %d", got.Units, err, c.units)
			}
		})
	}
}

// Models that the file does not name can have prices, too.
func TestUnpricedModelsCanHavePrices(t *testing.T) {
	table := parse(t, `{"unpriced":{"input":"5","output":"20"},"models":{"plain":{"input":"1"}}}`)
	if got, err := table.Cost("", "o1", price.Usage{InputTokens: 100, OutputTokens: 100}); got.Units != 1250 || err != nil {
		t.Errorf("got %d units, %v, want 1250", got.Units, err)
	}
}

// Without a table, one unit is one token.
func TestCostWithoutTable(t *testing.T) {
	var none *price.Table
	u := price.Usage{InputTokens: 1, CacheReadTokens: 2, CacheWriteTokens: 4, CacheWrite1hTokens: 8, OutputTokens: 16, ReasoningTokens: 16, Images: 32}
	if got, err := none.Cost("vip", "any", u); got.Units != 31 || got.Revision != 0 || err != nil || none.Scale() != 0 {
		t.Errorf("got %+v, %v and scale %d, want 31 units", got, err, none.Scale())
	}
}

// A usage that is not empty is never free.
func TestCostWithoutTableOfImages(t *testing.T) {
	var none *price.Table
	for _, u := range []price.Usage{{Images: 1}, {AudioSeconds: 1}} {
		if got, err := none.Cost("", "any", u); got.Units != 1 || err != nil {
			t.Errorf("%+v: got %d units, %v, want 1", u, got.Units, err)
		}
	}
}

// The cost is the exact sum, rounded up once; more usage never costs less.
func TestCostIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.Int64Range(0, 1<<40)
		nanos := rapid.Int64Range(0, 1<<40)
		rates := make([]int64, 5)
		counts := make([]int64, 5)
		for i := range rates {
			rates[i], counts[i] = nanos.Draw(t, "nanos"), count.Draw(t, "count")
		}
		scale := rapid.Int64Range(1, 1_000_000_000).Draw(t, "scale")
		factor := rapid.Int64Range(0, 10_000_000).Draw(t, "factor")
		table := &price.Table{
			UnitsPerDollar: scale, Groups: map[string]price.Factor{"g": price.Factor(factor)},
			Models: map[string]price.Model{"m": {Rates: price.Rates{
				Input: &rates[0], Output: &rates[1], CacheRead: &rates[2], CacheWrite: &rates[3], CacheWrite1h: &rates[4],
			}}},
		}
		u := price.Usage{
			InputTokens: counts[0], OutputTokens: counts[1], CacheReadTokens: counts[2], CacheWriteTokens: counts[3], CacheWrite1hTokens: counts[4],
		}
		got, err := table.Cost("g", "m", u)
		if err != nil {
			t.Fatal(err)
		}
		exact := new(big.Rat)
		for i := range rates {
			exact.Add(exact, new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(rates[i]), big.NewInt(counts[i]))))
		}
		exact.Mul(exact, big.NewRat(scale, 1_000_000_000))
		exact.Mul(exact, big.NewRat(factor, 1_000_000))
		if u != (price.Usage{}) && exact.Sign() == 0 {
			exact.SetInt64(1)
		}
		units := new(big.Rat).SetInt64(got.Units)
		if got.Units == token.MaxInteger {
			if exact.Cmp(units) < 0 {
				t.Fatalf("got %d units for %s", got.Units, exact.FloatString(3))
			}
			return
		}
		if diff := new(big.Rat).Sub(units, exact); diff.Sign() < 0 || diff.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("got %d units for %s", got.Units, exact.FloatString(3))
		}
		u.OutputTokens++
		if more, err := table.Cost("g", "m", u); err != nil || more.Units < got.Units {
			t.Fatalf("got %d units for more usage, %v, and %d for less", more.Units, err, got.Units)
		}
	})
}
