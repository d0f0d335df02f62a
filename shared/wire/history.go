package wire

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// A UsageHistory is what tokens were used for in whole hours or days of UTC. Pages of
// a user's history add up: each has other tokens, or other days of them.
type UsageHistory struct {
	From          int64            `json:"from"` // Unix seconds: the begin of an hour or day
	To            int64            `json:"to"`   // Unix seconds, not included: the end of an hour or day
	By            string           `json:"by"`   // hour, day, model, token, or token,day
	Rows          []UsageRow       `json:"rows"`
	Total         UsageSums        `json:"total"`                    // of the rows
	Refusals      map[string]int64 `json:"refusals"`                 // requests refused by reason; sampled, so at least that many
	Complete      *bool            `json:"complete,omitempty"`       // every charge until now is counted; only of one token
	BehindSeconds *int64           `json:"behind_seconds,omitempty"` // how long after its charge a request was counted, when that was last measured; 0 if complete; absent if it never was
	MeasuredAt    int64            `json:"measured_at,omitempty"`    // Unix seconds of that measurement; absent if complete
	Next          string           `json:"next,omitempty"`           // send it as after, for the next page; absent on the last
}

// A UsageRow is a part of a history. By hour and day it is for a model in that
// time, by model for a model, by token for a token, by token,day for a token in a day.
type UsageRow struct {
	Start   *int64  `json:"start,omitempty"`    // Unix seconds: when the hour or day begins; by hour, day, and token,day
	Model   *string `json:"model,omitempty"`    // "" without a model, "(other)" for all beyond those that are told apart; not of tokens
	TokenID *int64  `json:"token_id,omitempty"` // by token, and token,day
	Name    *string `json:"name,omitempty"`     // of the token, as it was last; as TokenID
	UsageSums
}

// UsageSums add up requests.
type UsageSums struct {
	Requests           int64  `json:"requests"`
	Units              int64  `json:"units"`                           // charged
	Dollars            string `json:"dollars"`                         // what the price table said that the requests with a usage cost, a decimal number
	InputTokens        int64  `json:"input_tokens,omitempty"`          // without what was read from or written to a cache
	OutputTokens       int64  `json:"output_tokens,omitempty"`         // with reasoning
	CacheReadTokens    int64  `json:"cache_read_tokens,omitempty"`     // input read from a cache
	CacheWriteTokens   int64  `json:"cache_write_tokens,omitempty"`    // input written to a cache for 5 minutes
	CacheWrite1hTokens int64  `json:"cache_write_1h_tokens,omitempty"` // input written to a cache for 1 hour
	ReasoningTokens    int64  `json:"reasoning_tokens,omitempty"`      // the part of OutputTokens that was reasoning
	Images             int64  `json:"images,omitempty"`                // images made
	AudioSeconds       int64  `json:"audio_seconds,omitempty"`         // audio transcribed or made
}

// Plus adds up sums.
func (s UsageSums) Plus(other UsageSums) UsageSums {
	dollars := new(big.Rat)
	for _, amount := range []string{s.Dollars, other.Dollars} {
		if n, ok := new(big.Rat).SetString(amount); ok {
			dollars.Add(dollars, n)
		}
	}
	text := dollars.FloatString(nanoDigits)
	s.Dollars = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	s.Requests += other.Requests
	s.Units += other.Units
	s.InputTokens += other.InputTokens
	s.OutputTokens += other.OutputTokens
	s.CacheReadTokens += other.CacheReadTokens
	s.CacheWriteTokens += other.CacheWriteTokens
	s.CacheWrite1hTokens += other.CacheWrite1hTokens
	s.ReasoningTokens += other.ReasoningTokens
	s.Images += other.Images
	s.AudioSeconds += other.AudioSeconds
	return s
}

const nanoDigits = 9 // of dollars

// Plus returns the history with the rows of another page of it, which is what it was
// about with the tokens of both. How far it is behind is as in the other page.
func (h UsageHistory) Plus(page UsageHistory) UsageHistory {
	type key struct {
		start, tokenID int64
		model          string
	}
	places := map[key]int{}
	all := slices.Concat(h.Rows, page.Rows)
	sum := page
	sum.Rows, sum.Total, sum.Refusals = []UsageRow{}, h.Total.Plus(page.Total), map[string]int64{}
	for _, row := range all {
		k := key{start: valueOf(row.Start), tokenID: valueOf(row.TokenID), model: valueOf(row.Model)}
		i, known := places[k]
		if !known {
			places[k] = len(sum.Rows)
			sum.Rows = append(sum.Rows, row)
			continue
		}
		sum.Rows[i].UsageSums = sum.Rows[i].Plus(row.UsageSums)
	}
	slices.SortStableFunc(sum.Rows, func(a, b UsageRow) int {
		return cmp.Or(cmp.Compare(valueOf(a.Start), valueOf(b.Start)), cmp.Compare(valueOf(b.TokenID), valueOf(a.TokenID)), cmp.Compare(valueOf(a.Model), valueOf(b.Model)))
	})
	for _, refusals := range []map[string]int64{h.Refusals, page.Refusals} {
		for reason, n := range refusals {
			sum.Refusals[reason] += n
		}
	}
	return sum
}

func valueOf[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
