// Package price says what a request to a model costs.
package price

import "github.com/latchkey-api/latchkey/shared/token"

// A Usage is what one request used of a model. No number is negative.
type Usage struct {
	InputTokens        int64 `json:"input_tokens,omitempty"`          // without what was read from or written to a cache
	OutputTokens       int64 `json:"output_tokens,omitempty"`         // with reasoning
	CacheReadTokens    int64 `json:"cache_read_tokens,omitempty"`     // input read from a cache
	CacheWriteTokens   int64 `json:"cache_write_tokens,omitempty"`    // input written to a cache for 5 minutes
	CacheWrite1hTokens int64 `json:"cache_write_1h_tokens,omitempty"` // input written to a cache for 1 hour
	ReasoningTokens    int64 `json:"reasoning_tokens,omitempty"`      // the part of OutputTokens that was reasoning
	Images             int64 `json:"images,omitempty"`                // images made
	AudioSeconds       int64 `json:"audio_seconds,omitempty"`         // audio transcribed or made, rounded up
}

// A Use is what requests did with a model, and what the price table says that
// costs. It is what a history tells about a charge.
type Use struct {
	Model string // "" if the caller named none
	Usage
	NanoDollars int64 // Quote.NanoDollars of the usage; 0 if the units were not computed from one
	Requests    int64 // 0 counts as 1
	Units       int64 // charged for this use, of a charge for several uses; else 0
}

// Plus adds up uses of the same model.
func (u Use) Plus(other Use) Use {
	from := other.pointers()
	for i, p := range u.pointers() {
		*p = token.AddSaturated(*p, *from[i])
	}
	u.NanoDollars = token.AddSaturated(u.NanoDollars, other.NanoDollars)
	u.Requests = token.AddSaturated(u.Requests, other.Requests)
	u.Units = token.AddSaturated(u.Units, other.Units)
	return u
}

// Max returns the larger number of each kind. It is right for reports of one
// request that are cumulative, as those of model APIs are.
func (u Usage) Max(other Usage) Usage {
	from := other.pointers()
	for i, p := range u.pointers() {
		*p = max(*p, *from[i])
	}
	return u
}

// totalInput returns all input tokens, those of caches too.
func (u Usage) totalInput() int64 {
	return u.InputTokens + u.CacheReadTokens + u.CacheWriteTokens + u.CacheWrite1hTokens
}

// normalize limits each number to the range from 0 to token.MaxInteger, and
// reasoning to the output.
func (u Usage) normalize() Usage {
	for _, p := range u.pointers() {
		*p = max(0, min(*p, token.MaxInteger))
	}
	u.ReasoningTokens = min(u.ReasoningTokens, u.OutputTokens)
	return u
}

// Numbers returns every number: input, output, cache reads, cache writes of 5
// minutes and of 1 hour, reasoning, images, seconds of audio.
func (u *Usage) Numbers() [8]*int64 { return u.pointers() }

// pointers returns every number, in a fixed order.
func (u *Usage) pointers() [8]*int64 {
	return [...]*int64{
		&u.InputTokens, &u.OutputTokens, &u.CacheReadTokens, &u.CacheWriteTokens, &u.CacheWrite1hTokens,
		&u.ReasoningTokens, &u.Images, &u.AudioSeconds,
	}
}
