package main

import (
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A budget in dollars is never more units than the dollars are worth.
func TestUnitsOfDollars(t *testing.T) {
	for _, c := range []struct {
		dollars         string
		perDollar, want int64
	}{
		{"100", 500_000, 50_000_000},
		{"2.50", 500_000, 1_250_000},
		{"0", 500_000, 0},
		{"0.000003", 500_000, 1},
		{"0.999999999", 1_000_000_000, 999_999_999},
		{"1.99", 1, 1},
		{"9007199254740991", 1, -1}, // too many digits
		{"900719925474099", 10, 9_007_199_254_740_990},
		{"900719925474100", 10, -1},
		{"0.4", 1, -1},
		{"-1", 1, -1},
		{".5", 10, -1},
		{"1,5", 10, -1},
		{"", 10, -1},
	} {
		if got, err := unitsOf(c.dollars, c.perDollar); (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s dollars at %d: got %d, %v, want %d", c.dollars, c.perDollar, got, err, c.want)
		}
	}
}

// A user is shown with every part of its budget.
func TestShownHoldings(t *testing.T) {
	w := token.Wallet{On: true, Budget: token.Budget{Units: 1000}, Left: 100}
	h := token.Holdings{Wallet: w, Free: 200, Held: 30, Used: 663, Missing: 7}
	got := shownText(token.User{ID: 1, Name: "alice", Role: token.RoleUser}, h, token.Policy{}, 0, 0)
	want := `Budget          1000 units
Left            100
Free in tokens  200
Held            30
Used            663
Missing         7; run ` + "`tokenctl reconcile alice`\nPolicy          none\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}
