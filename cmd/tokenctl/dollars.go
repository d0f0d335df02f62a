package main

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// unitsPerDollar returns how many units a dollar has, or 0 if the operator has set
// no prices. It is only shown beside units, so an API that can't tell is not an
// error.
func (s *session) unitsPerDollar(ctx context.Context) int64 {
	status, err := s.Status(ctx)
	if err != nil || status.QuotaPerUnit == nil {
		return 0
	}
	return *status.QuotaPerUnit
}

// amount returns a number of units, with its value in dollars if perDollar is not
// 0.
func amount(units, perDollar int64) string {
	text := strconv.FormatInt(units, 10)
	if perDollar == 0 {
		return text
	}
	return text + " (" + dollars(units, perDollar) + ")"
}

// dollars returns the value of units, rounded down to a hundredth of a cent.
func dollars(units, perDollar int64) string {
	const parts = 10_000
	n := new(big.Int).Mul(big.NewInt(units), big.NewInt(parts))
	n.Quo(n, big.NewInt(perDollar))
	if n.Sign() == 0 && units > 0 {
		return "<$0.0001"
	}
	whole, rest := new(big.Int).QuoRem(n, big.NewInt(parts), new(big.Int))
	fraction := fmt.Sprintf("%04d", rest.Int64())
	return "$" + whole.String() + "." + fraction[:2] + strings.TrimRight(fraction[2:], "0")
}
