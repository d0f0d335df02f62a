package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/price"
)

// goldenPrices are dollars per million tokens, from the vendors' price pages,
// and 1,000,000 units per dollar: a price is the units per token.
const goldenPrices = `{"units_per_dollar":1000000,"models":{
	"gpt-4o":{"input":"2.50","output":"10.00","cache_read":"1.25"},
	"o3":{"input":"2.00","output":"8.00","cache_read":"0.50"},
	"text-embedding-3-small":{"input":"0.02"},
	"gpt-image-1":{"input":"10.00","output":"40.00"},
	"dall-e-3":{"per_image":"0.04"},
	"gpt-4o-transcribe":{"input":"2.50","output":"10.00"},
	"whisper-1":{"per_audio_second":"0.0001"},
	"claude-sonnet-4-5":{"input":"3.00","output":"15.00","cache_read":"0.30","cache_write":"3.75","cache_write_1h":"6.00"},
	"gemini-2.5-pro":{"input":"1.25","output":"10.00","cache_read":"0.125"}
}}`

type goldenCase struct {
	api, model string
	body       string
	usage      price.Usage
	units      int64
}

// The usage of each API is read as its documentation defines it. The sums are
// computed by hand from the prices above.
func goldenCases() map[string]goldenCase {
	return map[string]goldenCase{
		// 1,000 of the 1,200 prompt tokens were cached: 200×2.50 + 1000×1.25 + 50×10 = 500 + 1250 + 500.
		"chat/cached": {
			"openai", "gpt-4o",
			`{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1200,"completion_tokens":50,"total_tokens":1250,"prompt_tokens_details":{"cached_tokens":1000,"audio_tokens":0}}}`,
			price.Usage{InputTokens: 200, CacheReadTokens: 1000, OutputTokens: 50},
			2250,
		},
		// Audio tokens are part of the prompt and of the completion: 100×2.50 + 200×10 = 250 + 2000.
		"chat/audio": {
			"openai", "gpt-4o",
			`{"choices":[{"message":{"content":null,"audio":{"id":"a","data":"UklGRg==","transcript":"Hi"}}}],"usage":{"prompt_tokens":100,"completion_tokens":200,"total_tokens":300,"prompt_tokens_details":{"audio_tokens":80},"completion_tokens_details":{"audio_tokens":150}}}`,
			price.Usage{InputTokens: 100, OutputTokens: 200},
			2250,
		},
		// Reasoning is part of the completion: 10×2 + 900×8 = 20 + 7200.
		"chat/reasoning": {
			"openai", "o3",
			`{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":900,"total_tokens":910,"completion_tokens_details":{"reasoning_tokens":850}}}`,
			price.Usage{InputTokens: 10, OutputTokens: 900, ReasoningTokens: 850},
			7220,
		},
		// Reasoning beside the completion shows in the total: 10×2 + (50+850)×8 = 20 + 7200.
		"chat/reasoning_beside": {
			"openai", "o3",
			`{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":50,"total_tokens":910,"completion_tokens_details":{"reasoning_tokens":850}}}`,
			price.Usage{InputTokens: 10, OutputTokens: 900, ReasoningTokens: 850},
			7220,
		},
		// A total below its parts is not believed: 10×2.50 + 20×10 = 25 + 200.
		"chat/small_total": {
			"openai", "gpt-4o", `{"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":1}}`,
			price.Usage{InputTokens: 10, OutputTokens: 20},
			225,
		},
		// 9×2.50 + 12×10 = 22.5 + 120, rounded up.
		"chat/stream": {
			"openai", "gpt-4o", chunk + chunk + lastChunk + done,
			price.Usage{InputTokens: 9, OutputTokens: 12},
			143,
		},
		// 8×2.50 + 4×10 = 20 + 40.
		"completions": {
			"openai", "gpt-4o", `{"object":"text_completion","choices":[{"text":"Hello","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":4,"total_tokens":12}}`,
			price.Usage{InputTokens: 8, OutputTokens: 4},
			60,
		},
		// (36-30)×2 + 30×0.50 + 87×8 = 12 + 15 + 696.
		"responses": {
			"openai", "o3",
			`{"object":"response","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":30},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":60},"total_tokens":123}}`,
			price.Usage{InputTokens: 6, CacheReadTokens: 30, OutputTokens: 87, ReasoningTokens: 60},
			723,
		},
		// The same, in the last event.
		"responses/stream": {
			"openai", "o3",
			"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"status\":\"in_progress\",\"error\":null,\"usage\":null}}\n\n" +
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n" +
				"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"error\":null,\"output\":[{\"content\":[{\"text\":\"Hi\"}]}],\"usage\":{\"input_tokens\":36,\"input_tokens_details\":{\"cached_tokens\":30},\"output_tokens\":87,\"output_tokens_details\":{\"reasoning_tokens\":60},\"total_tokens\":123}}}\n\n",
			price.Usage{InputTokens: 6, CacheReadTokens: 30, OutputTokens: 87, ReasoningTokens: 60},
			723,
		},
		// 5000×0.02.
		"embeddings": {
			"openai", "text-embedding-3-small", `{"object":"list","data":[{"embedding":[0.1,-0.2e-3]}],"usage":{"prompt_tokens":5000,"total_tokens":5000}}`,
			price.Usage{InputTokens: 5000},
			100,
		},
		// Text and image tokens of the input have one price here: 50×10 + 4160×40 = 500 + 166400.
		"images/tokens": {
			"openai", "gpt-image-1", `{"created":1,"data":[{"b64_json":"aGk="}],"usage":{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens":4160,"total_tokens":4210}}`,
			price.Usage{InputTokens: 50, OutputTokens: 4160, Images: 1},
			166900,
		},
		// Two images of 0.04 dollars; the estimated input has no price of its own.
		"images/no_usage": {
			"openai", "dall-e-3", `{"created":1,"data":[{"url":"https://example.com/1.png","revised_prompt":"a cat"},{"url":"https://example.com/2.png"}]}`,
			price.Usage{InputTokens: 17, Images: 2},
			80000,
		},
		// 14×2.50 + 45×10 = 35 + 450.
		"transcription/tokens": {
			"openai", "gpt-4o-transcribe", `{"text":"Hello there.","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}`,
			price.Usage{InputTokens: 14, OutputTokens: 45},
			485,
		},
		// 8.47 seconds count as 9, at 100 units each.
		"transcription/duration": {
			"openai", "whisper-1", `{"task":"transcribe","duration":8.47,"text":"Hello","segments":[{"text":"Hello"}],"usage":{"type":"duration","seconds":9}}`,
			price.Usage{InputTokens: 17, OutputTokens: 2, AudioSeconds: 9},
			900,
		},
		// 21×3 + 188086×0.30 + 456×3.75 + 100×6 + 393×15 = 63 + 56425.8 + 1710 + 600 + 5895, rounded up.
		"messages/cache": {
			"anthropic", "claude-sonnet-4-5",
			`{"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":21,"cache_read_input_tokens":188086,"cache_creation_input_tokens":556,"cache_creation":{"ephemeral_5m_input_tokens":456,"ephemeral_1h_input_tokens":100},"output_tokens":393}}`,
			price.Usage{InputTokens: 21, CacheReadTokens: 188086, CacheWriteTokens: 456, CacheWrite1hTokens: 100, OutputTokens: 393},
			64694,
		},
		// The last count is the whole output: 25×3 + 1000×0.30 + 15×15 = 75 + 300 + 225.
		"messages/stream": {
			"anthropic", "claude-sonnet-4-5", anthropicStream,
			price.Usage{InputTokens: 25, CacheReadTokens: 1000, OutputTokens: 15},
			600,
		},
		// The summary is an iteration of its own: (180000+23000)×3 + (3500+1000)×15 = 609000 + 67500.
		"messages/compaction": {
			"anthropic", "claude-sonnet-4-5",
			`{"type":"message","content":[],"usage":{"input_tokens":23000,"output_tokens":1000,"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":3500},{"type":"message","input_tokens":23000,"output_tokens":1000}]}}`,
			price.Usage{InputTokens: 203000, OutputTokens: 4500},
			676500,
		},
		// Cached tokens are part of the prompt; thoughts are beside the candidates, and the results of tools beside the
		// prompt: (1000-600+50)×1.25 + 600×0.125 + (80+320)×10 = 562.5 + 75 + 4000, rounded up.
		"gemini": {
			"gemini", "gemini-2.5-pro",
			`{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":600,"toolUsePromptTokenCount":50,"candidatesTokenCount":80,"thoughtsTokenCount":320,"totalTokenCount":1450}}`,
			price.Usage{InputTokens: 450, CacheReadTokens: 600, OutputTokens: 400, ReasoningTokens: 320},
			4638,
		},
		// Each count contains the earlier ones: 10×1.25 + (12+40)×10 = 12.5 + 520, rounded up.
		"gemini/stream": {
			"gemini", "gemini-2.5-pro",
			"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}]}}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":4,\"thoughtsTokenCount\":40,\"totalTokenCount\":54}}\r\n\r\n" +
				"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"lo\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":12,\"thoughtsTokenCount\":40,\"totalTokenCount\":62}}\r\n\r\n",
			price.Usage{InputTokens: 10, OutputTokens: 52, ReasoningTokens: 40},
			533,
		},
		// An image of 1,290 tokens: 5×1.25 + 1290×10 = 6.25 + 12900, rounded up.
		"gemini/array_with_image": {
			"gemini", "gemini-2.5-pro",
			`[{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"aGk="}}]},"finishReason":"STOP"}]},` + "\r\n" +
				`{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1290,"totalTokenCount":1295}}]`,
			price.Usage{InputTokens: 5, OutputTokens: 1290, Images: 1},
			12907,
		},
	}
}

const anthropicStream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":1000,\"output_tokens\":1}}}\n\n" +
	"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" +
	"event: ping\ndata: {\"type\":\"ping\"}\n\n" +
	"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n" +
	"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
	"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":15}}\n\n" +
	"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

// Each answer costs what its vendor's documentation says, however it arrives.
func TestGoldenCosts(t *testing.T) {
	table, err := price.Parse([]byte(goldenPrices))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range goldenCases() {
		t.Run(name, func(t *testing.T) {
			for form, body := range map[string]string{
				"as_sent":  c.body,
				"with_bom": "\xef\xbb\xbf" + c.body,
				"crlf":     strings.ReplaceAll(strings.ReplaceAll(c.body, "\r", ""), "\n", "\r\n"),
				"cr":       strings.ReplaceAll(strings.ReplaceAll(c.body, "\r", ""), "\n", "\r"),
			} {
				for _, piece := range []int{1, 2, 7, len(body)} {
					got := gateway.ReadAnswer(c.api, []byte(body), piece, price.Usage{InputTokens: 17}, true)
					if diff := cmp.Diff(c.usage, got.Usage); diff != "" {
						t.Fatalf("%s in pieces of %d: usage differs (-want +got):\n%s", form, piece, diff)
					}
				}
			}
			if quote, err := table.Cost("", c.model, c.usage); err != nil || quote.Units != c.units {
				t.Errorf("got %d units, %v, want %d", quote.Units, err, c.units)
			}
		})
	}
}
