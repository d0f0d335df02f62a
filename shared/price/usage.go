// Package price says what a request to a model costs.
package price

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
