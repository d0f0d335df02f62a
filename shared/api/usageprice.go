package api

import (
	"context"
	"errors"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// readUsage reads the usage of a request, nil if it has none.
func readUsage(units *int64, model *string, in *wire.ModelUsage) (*price.Usage, error) {
	switch {
	case in == nil:
		return nil, nil //nolint:nilnil // nil is no usage
	case units != nil:
		return nil, &token.InvalidError{Field: "usage", Reason: "can't be sent together with quota: send the units or the usage that they are computed from"}
	case model == nil:
		return nil, required("model", "name the model that was used, so that the usage has a price")
	}
	u := &price.Usage{
		InputTokens: valueOf(in.InputTokens), OutputTokens: valueOf(in.OutputTokens),
		CacheReadTokens: valueOf(in.CacheReadTokens), CacheWriteTokens: valueOf(in.CacheWriteTokens),
		CacheWrite1hTokens: valueOf(in.CacheWrite1hTokens), ReasoningTokens: valueOf(in.ReasoningTokens),
		Images: valueOf(in.Images), AudioSeconds: valueOf(in.AudioSeconds),
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"input_tokens", u.InputTokens},
		{"output_tokens", u.OutputTokens},
		{"cache_read_tokens", u.CacheReadTokens},
		{"cache_write_tokens", u.CacheWriteTokens},
		{"cache_write_1h_tokens", u.CacheWrite1hTokens},
		{"reasoning_tokens", u.ReasoningTokens},
		{"images", u.Images},
		{"audio_seconds", u.AudioSeconds},
	} {
		if err := token.CheckQuota("usage."+n.name, n.value); err != nil {
			return nil, err
		}
	}
	if u.ReasoningTokens > u.OutputTokens {
		return nil, &token.InvalidError{Field: "usage.reasoning_tokens", Reason: "must be at most output_tokens, which contain them"}
	}
	return u, nil
}

// A pricedQuestion is a question with a usage in place of its units, if usage is
// not nil.
type pricedQuestion struct {
	quota.Question
	usage *price.Usage
}

// quote returns the question with the units that its usage costs. If the usage has
// no price or the key is unknown, it checks the key: the refusal of a key takes
// precedence over a missing price, and is then in the verdict.
func (q pricedQuestion) quote(ctx context.Context, gate Gate, key string) (quota.Question, price.Quote, quota.Verdict, error) {
	if q.usage == nil {
		return q.Question, price.Quote{}, quota.Verdict{}, nil
	}
	quote, err := gate.Quote(ctx, key, q.Model, *q.usage)
	if errors.Is(err, price.ErrNotPriced) || errors.Is(err, quota.ErrKeyUnknown) {
		v, checkErr := gate.Verify(ctx, key, q.Question)
		if checkErr != nil || !v.Valid() {
			return q.Question, quote, v, checkErr
		}
	}
	q.Quota, q.Use = quote.Units, useOf(q.Model, q.usage, quote)
	return q.Question, quote, quota.Verdict{}, err
}

// useOf returns what a request tells the history.
func useOf(model string, usage *price.Usage, q price.Quote) price.Use {
	if usage == nil {
		return price.Use{Model: model}
	}
	return price.Use{Model: model, Usage: *usage, NanoDollars: q.NanoDollars}
}

// priceOf returns the part of an answer that says what a usage costs.
func priceOf(usage *price.Usage, q price.Quote) wire.Price {
	if usage == nil {
		return wire.Price{}
	}
	return wire.Price{PriceRevision: &q.Revision}
}
