package price

import (
	"math/big"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Quote is what a request costs.
type Quote struct {
	Units       int64 // 0 to token.MaxInteger
	NanoDollars int64 // the same, as the group of the token pays it, rounded up; 0 without a table, at most token.MaxInteger
	Revision    int64 // of the price table; 0 if there is none
}

// Cost returns what a usage of a model costs the tokens of a group. It adds up
// exact nano-dollars, multiplies them by the group's factor and rounds up to
// whole units. A usage that is not empty costs at least one unit, even if its
// prices are 0. More than token.MaxInteger units become token.MaxInteger.
//
// A price that the model does not have is replaced by one that is not too low:
// input's for cache reads, 5/4 and 2 times input's for cache writes of 5 minutes
// and of 1 hour (Anthropic's rates), output's for reasoning. If images have no
// price, the output tokens pay for them; if seconds have none, any tokens do. If
// tokens have none, the price per request pays for them, or that of the images or
// seconds in the same usage. The error is ErrNotPriced if the model is not in the
// table, or if nothing prices a part of the usage.
//
// Negative numbers in the usage count as 0.
func (t *Table) Cost(group, model string, u Usage) (Quote, error) {
	u = u.normalize()
	var least int64
	if u != (Usage{}) {
		least = 1
	}
	if t == nil {
		tokens := []int64{u.InputTokens, u.CacheReadTokens, u.CacheWriteTokens, u.CacheWrite1hTokens, u.OutputTokens}
		var units int64
		for _, n := range tokens {
			units = token.AddSaturated(units, n)
		}
		return Quote{Units: max(least, units)}, nil
	}
	m, ok := t.lookup(model)
	if !ok {
		return Quote{}, ErrNotPriced
	}
	nanos, err := m.ratesFor(u.totalInput()).nanoDollars(u)
	if err != nil {
		return Quote{}, err
	}
	n := t.forGroup(group, nanos)
	return Quote{
		Units:       max(least, roundedUp(new(big.Int).Mul(n, big.NewInt(t.Scale())), 1_000_000_000*int64(FactorOne))),
		NanoDollars: roundedUp(n, int64(FactorOne)),
		Revision:    t.Revision,
	}, nil
}

// Scale returns how many units a dollar has, or 0 without a table.
func (t *Table) Scale() int64 {
	switch {
	case t == nil:
		return 0
	case t.UnitsPerDollar == 0:
		return DefaultUnitsPerDollar
	default:
		return t.UnitsPerDollar
	}
}

// forGroup multiplies nano-dollars by the factor of a group. The result is in
// millionths of them.
func (t *Table) forGroup(group string, nanos *big.Int) *big.Int {
	factor, ok := t.Groups[group]
	if !ok {
		factor = FactorOne
	}
	return new(big.Int).Mul(nanos, big.NewInt(int64(factor)))
}

// roundedUp returns a quotient rounded up, at most token.MaxInteger.
func roundedUp(n *big.Int, divisor int64) int64 {
	quotient, remainder := new(big.Int).QuoRem(n, big.NewInt(divisor), new(big.Int))
	if remainder.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	if !quotient.IsInt64() || quotient.Int64() > token.MaxInteger {
		return token.MaxInteger
	}
	return quotient.Int64()
}

// nanoDollars returns the price of a usage.
func (r Rates) nanoDollars(u Usage) (*big.Int, error) {
	sum := new(big.Int)
	priced := true
	add := func(count int64, rate *big.Int) {
		switch {
		case count == 0:
		case rate == nil:
			priced = false
		default:
			sum.Add(sum, new(big.Int).Mul(big.NewInt(count), rate))
		}
	}
	input, output := value(r.Input), value(r.Output)
	if r.PerRequest != nil || r.PerImage != nil && u.Images > 0 || r.PerSecond != nil && u.AudioSeconds > 0 { // something else pays for the tokens
		input, output = or(input, big.NewInt(0)), or(output, big.NewInt(0))
	}
	add(u.InputTokens, input)
	add(u.CacheReadTokens, or(value(r.CacheRead), input))
	add(u.CacheWriteTokens, or(value(r.CacheWrite), times(input, 5, 4)))
	add(u.CacheWrite1hTokens, or(value(r.CacheWrite1h), larger(times(input, 2, 1), times(value(r.CacheWrite), 8, 5))))
	add(u.OutputTokens-u.ReasoningTokens, output)
	add(u.ReasoningTokens, or(value(r.Reasoning), output))
	add(1, or(value(r.PerRequest), big.NewInt(0)))
	if r.PerImage != nil || u.OutputTokens == 0 {
		add(u.Images, value(r.PerImage))
	}
	if r.PerSecond != nil || u.totalInput()+u.OutputTokens == 0 {
		add(u.AudioSeconds, value(r.PerSecond))
	}
	if !priced {
		return nil, ErrNotPriced
	}
	return sum, nil
}

func value(price *int64) *big.Int {
	if price == nil {
		return nil
	}
	return big.NewInt(*price)
}

// or returns the first price that is set.
func or(prices ...*big.Int) *big.Int {
	for _, p := range prices {
		if p != nil {
			return p
		}
	}
	return nil
}

// larger returns the larger of two prices, of which one or both may not be set.
func larger(a, b *big.Int) *big.Int {
	if a == nil || b != nil && b.Cmp(a) > 0 {
		return b
	}
	return a
}

// times returns price × a / b, rounded up, or nil if the price is not set.
func times(price *big.Int, a, b int64) *big.Int {
	if price == nil {
		return nil
	}
	n := new(big.Int).Mul(price, big.NewInt(a))
	n.Add(n, big.NewInt(b-1))
	return n.Quo(n, big.NewInt(b))
}
