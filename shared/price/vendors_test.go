package price_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/shared/price"
)

// The usage of answers of OpenAI, Anthropic and Gemini costs what the vendor's
// price list says. Each case names the counts of the vendor's answer, and the sum in
// nano-dollars; a unit is 2,000 nano-dollars.
func TestVendors(t *testing.T) {
	table := parse(t, `{"models":{
		"gpt-5": {"input":"1.25","output":"10","cache_read":"0.125"},
		"gpt-4o-transcribe": {"input":"2.50","output":"10"},
		"gpt-4o-audio": {"input":"40","output":"80"},
		"gpt-image-1": {"input":"10","output":"40","cache_read":"2.50"},
		"claude-sonnet-4-5": {"input":"3","output":"15","cache_read":"0.30","cache_write":"3.75","cache_write_1h":"6",
			"above_200000":{"input":"6","output":"22.50","cache_read":"0.60","cache_write":"7.50","cache_write_1h":"12"}},
		"gemini-2.5-pro": {"input":"1.25","output":"10","cache_read":"0.125",
			"above_200000":{"input":"2.50","output":"15","cache_read":"0.25"}},
		"gemini-2.5-flash-image": {"input":"0.30","output":"30"}}}`)
	for name, c := range map[string]struct {
		model string
		usage price.Usage
		units int64
	}{
		// prompt_tokens 2006 of which cached_tokens 1920; completion_tokens 300 of which reasoning_tokens 192:
		// 86×1250 + 1920×125 + 300×10000 = 107,500 + 240,000 + 3,000,000 = 3,347,500 → 1673.75
		"openai_cached_reasoning": {"gpt-5", price.Usage{InputTokens: 86, CacheReadTokens: 1920, OutputTokens: 300, ReasoningTokens: 192}, 1674},
		// input_tokens 14 (audio_tokens 14), output_tokens 45: 14×2500 + 45×10000 = 485,000 → 242.5
		"openai_transcription": {"gpt-4o-transcribe", price.Usage{InputTokens: 14, OutputTokens: 45, AudioSeconds: 3}, 243},
		// prompt_tokens 30 (audio_tokens 10), completion_tokens 120 (audio_tokens 98), all at the price of audio:
		// 30×40000 + 120×80000 = 10,800,000 → 5400
		"openai_audio": {"gpt-4o-audio", price.Usage{InputTokens: 30, OutputTokens: 120}, 5400},
		// input_tokens 50, output_tokens 4160 for one image: 50×10000 + 4160×40000 = 166,900,000 → 83450
		"openai_image": {"gpt-image-1", price.Usage{InputTokens: 50, OutputTokens: 4160, Images: 1}, 83_450},
		// input_tokens 21, cache_read_input_tokens 40000, ephemeral_5m_input_tokens 8000, ephemeral_1h_input_tokens 1500,
		// output_tokens 503: 21×3000 + 40000×300 + 8000×3750 + 1500×6000 + 503×15000
		// = 63,000 + 12,000,000 + 30,000,000 + 9,000,000 + 7,545,000 = 58,608,000 → 29304
		"anthropic_caches": {"claude-sonnet-4-5", price.Usage{InputTokens: 21, CacheReadTokens: 40_000, CacheWriteTokens: 8000, CacheWrite1hTokens: 1500, OutputTokens: 503}, 29_304},
		// input_tokens 1, cache_read_input_tokens 190000, cache_creation_input_tokens 9999 are 200,000 of input:
		// 1×6000 + 190000×600 + 9999×7500 + 10×22500 = 6,000 + 114,000,000 + 74,992,500 + 225,000 = 189,223,500 → 94611.75
		"anthropic_long": {"claude-sonnet-4-5", price.Usage{InputTokens: 1, CacheReadTokens: 190_000, CacheWriteTokens: 9999, OutputTokens: 10}, 94_612},
		// promptTokenCount 1500 of which cachedContentTokenCount 1000; candidatesTokenCount 200; thoughtsTokenCount 300:
		// 500×1250 + 1000×125 + 500×10000 = 625,000 + 125,000 + 5,000,000 = 5,750,000 → 2875
		"gemini_cached_thoughts": {"gemini-2.5-pro", price.Usage{InputTokens: 500, CacheReadTokens: 1000, OutputTokens: 500, ReasoningTokens: 300}, 2875},
		// promptTokenCount 250001 of which cached 50001: 200000×2500 + 50001×250 + 7×15000 = 500,000,000 + 12,500,250 + 105,000
		// = 512,605,250 → 256302.625
		"gemini_long": {"gemini-2.5-pro", price.Usage{InputTokens: 200_000, CacheReadTokens: 50_001, OutputTokens: 7}, 256_303},
		// promptTokenCount 12, candidatesTokenCount 1290 (IMAGE): 12×300 + 1290×30000 = 38,703,600 → 19351.8
		"gemini_image": {"gemini-2.5-flash-image", price.Usage{InputTokens: 12, OutputTokens: 1290, Images: 1}, 19_352},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := table.Cost("", c.model, c.usage); got.Units != c.units || err != nil {
				t.Errorf("got %d units, %v, want %d", got.Units, err, c.units)
			}
		})
	}
}
