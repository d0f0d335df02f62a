package litellm

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
)

// A decimal is an exact number of dollars.
type decimal struct{ big.Rat }

// number is a JSON number that is not negative, with its exponent.
var number = regexp.MustCompile(`^[0-9]{1,30}(?:\.[0-9]{1,40})?(?:[eE]([+-]?[0-9]{1,3}))?$`)

// parseDecimal parses a JSON number exactly, in scientific notation too. The
// error continues a sentence that begins with its name.
func parseDecimal(text string) (decimal, error) {
	var d decimal
	m := number.FindStringSubmatch(text)
	if m == nil {
		return d, errors.New("is not a price that can be charged")
	}
	if m[1] != "" {
		if exponent, err := strconv.Atoi(m[1]); err != nil || exponent < -60 || exponent > 30 {
			return d, errors.New("is not a price that can be charged")
		}
	}
	if _, ok := d.SetString(text); !ok {
		return d, errors.New("is not a price that can be charged")
	}
	return d, nil
}

// maxNanos is the largest price of a table, in nano-dollars: $1,000,000 for a
// million tokens.
const maxNanos = 1_000_000_000

// nanos returns the price in nano-dollars, rounded up.
func (d decimal) nanos() (n int64, rounded, tooLarge bool) {
	exact := new(big.Rat).Mul(&d.Rat, big.NewRat(1_000_000_000, 1))
	whole, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
		rounded = true
	}
	if !whole.IsInt64() || whole.Int64() > maxNanos {
		return 0, false, true
	}
	return whole.Int64(), rounded, false
}
