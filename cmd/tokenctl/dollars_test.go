package main

import (
	"math"
	"testing"
)

// Dollars are rounded down, and cents are always shown.
func TestDollars(t *testing.T) {
	for _, c := range []struct {
		units, perDollar int64
		want             string
	}{
		{0, 500_000, "0 ($0.00)"},
		{1, 500_000, "1 (<$0.0001)"},
		{50, 500_000, "50 ($0.0001)"},
		{1250, 500_000, "1250 ($0.0025)"},
		{500_000, 500_000, "500000 ($1.00)"},
		{750_000, 500_000, "750000 ($1.50)"},
		{999_999, 500_000, "999999 ($1.9999)"},
		{math.MaxInt64, 1, "9223372036854775807 ($9223372036854775807.00)"},
		{7, 0, "7"},
	} {
		if got := amount(c.units, c.perDollar); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
