package gateway

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// counts are the numbers of a usage object as an API reports them. Each is the
// largest that was reported: reports are cumulative.
type counts struct {
	input, cacheRead, cacheWrite, cacheWrite5m, cacheWrite1h int64
	output, reasoning, toolInput, total, seconds             int64
}

// anyTokens reports whether tokens were reported.
func (c counts) anyTokens() bool {
	c.seconds = 0
	return c != counts{}
}

// set raises a number to what is reported.
func set(number *int64, v jsonValue) { *number = max(*number, v.count()) }

// max returns the larger of each number.
func (c counts) max(other counts) counts {
	from := other.numbers()
	for i, n := range c.numbers() {
		*n = max(*n, *from[i])
	}
	return c
}

// plus returns the sums of the numbers.
func (c counts) plus(other counts) counts {
	from := other.numbers()
	for i, n := range c.numbers() {
		*n = token.AddSaturated(*n, *from[i])
	}
	return c
}

func (c *counts) numbers() [10]*int64 {
	return [...]*int64{
		&c.input, &c.cacheRead, &c.cacheWrite, &c.cacheWrite5m, &c.cacheWrite1h,
		&c.output, &c.reasoning, &c.toolInput, &c.total, &c.seconds,
	}
}

// rest returns how many tokens the total has beyond the others. A smaller total
// is not believed.
func (c counts) rest(others ...int64) int64 {
	var sum int64
	for _, n := range others {
		sum = token.AddSaturated(sum, n)
	}
	return max(0, c.total-sum)
}

// openAICount reads a member of OpenAI's usage object, of any of its APIs.
//
// Cached tokens are part of the input, reasoning is part of the output, and so
// are the tokens of audio and images.
// https://platform.openai.com/docs/api-reference/chat/object
func (c *counts) openAICount(name string, v jsonValue) {
	switch name {
	case "prompt_tokens", "input_tokens":
		set(&c.input, v)
	case "completion_tokens", "output_tokens":
		set(&c.output, v)
	case "total_tokens":
		set(&c.total, v)
	case "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "input_token_details.cached_tokens":
		set(&c.cacheRead, v)
	case "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens":
		set(&c.reasoning, v)
	case "seconds": // of a transcription
		set(&c.seconds, v)
	}
}

// openAIUsage returns the usage. Some servers count reasoning beside the output:
// their total is larger than input and output, and the rest counts as output.
func (c counts) openAIUsage() price.Usage {
	cached := min(c.cacheRead, c.input)
	output := c.output + c.rest(c.input, c.output)
	return price.Usage{
		InputTokens: c.input - cached, CacheReadTokens: cached,
		OutputTokens: output, ReasoningTokens: min(c.reasoning, output), AudioSeconds: c.seconds,
	}
}

// anthropicCount reads a member of Anthropic's usage object.
//
// What was read from a cache or written to it is not part of input_tokens. With
// compaction, the work of each iteration is in iterations, and the other
// members count only the last one.
// https://docs.claude.com/en/docs/build-with-claude/prompt-caching
// https://docs.claude.com/en/docs/build-with-claude/compaction
func (c *counts) anthropicCount(name string, v jsonValue) {
	switch name {
	case "input_tokens":
		set(&c.input, v)
	case "cache_read_input_tokens":
		set(&c.cacheRead, v)
	case "cache_creation_input_tokens":
		set(&c.cacheWrite, v)
	case "cache_creation.ephemeral_5m_input_tokens":
		set(&c.cacheWrite5m, v)
	case "cache_creation.ephemeral_1h_input_tokens":
		set(&c.cacheWrite1h, v)
	case "output_tokens":
		set(&c.output, v)
	}
}

func (c counts) anthropicUsage() price.Usage {
	return price.Usage{
		InputTokens: c.input, CacheReadTokens: c.cacheRead,
		CacheWriteTokens: max(c.cacheWrite5m, c.cacheWrite-c.cacheWrite1h), CacheWrite1hTokens: c.cacheWrite1h,
		OutputTokens: c.output,
	}
}

// geminiCount reads a member of Gemini's usageMetadata.
//
// Cached tokens are part of the prompt. The results of tools are beside the
// prompt, and thoughts beside the candidates.
// https://ai.google.dev/api/generate-content#UsageMetadata
func (c *counts) geminiCount(name string, v jsonValue) {
	switch name {
	case "promptTokenCount":
		set(&c.input, v)
	case "cachedContentTokenCount":
		set(&c.cacheRead, v)
	case "toolUsePromptTokenCount":
		set(&c.toolInput, v)
	case "candidatesTokenCount":
		set(&c.output, v)
	case "thoughtsTokenCount":
		set(&c.reasoning, v)
	case "totalTokenCount":
		set(&c.total, v)
	}
}

func (c counts) geminiUsage() price.Usage {
	cached := min(c.cacheRead, c.input)
	return price.Usage{
		InputTokens: c.input - cached + c.toolInput, CacheReadTokens: cached,
		OutputTokens:    c.output + c.reasoning + c.rest(c.input, c.toolInput, c.output, c.reasoning),
		ReasoningTokens: c.reasoning,
	}
}

// member returns the rest of a path that begins with one of the prefixes.
func member(path string, prefixes ...string) (string, bool) {
	for _, prefix := range prefixes {
		if name, found := strings.CutPrefix(path, prefix); found {
			return name, true
		}
	}
	return "", false
}

// lastName returns the name at the end of a path.
func lastName(path string) string {
	path = path[strings.LastIndexByte(path, '.')+1:]
	return strings.TrimRight(path, "[]")
}
