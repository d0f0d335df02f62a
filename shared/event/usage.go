package event

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// RateLimited is the data of token.rate_limited.
type RateLimited struct {
	Token
	// Refusals are how many requests were refused by each rate since the last record of
	// refusals of the same process: requests, units or concurrent.
	Refusals map[string]int64 `json:"refusals"`
}

// ratePrefix begins the names of refusals for exceeding a rate, after the refusal
// itself.
const ratePrefix = ":rate:"

// OfRefusals returns what recorded refusals of a token tell, by the names of
// quota.Reason. Only refusals by rates are told.
func OfRefusals(t token.Token, refusals map[string]int64) []Fact {
	rates := map[string]int64{}
	for name, n := range refusals {
		if _, rate, ok := strings.Cut(name, ratePrefix); ok && n > 0 {
			rates[rate] += n
		}
	}
	if len(rates) == 0 {
		return nil
	}
	return []Fact{{TokenRateLimited, RateLimited{TokenOf(t.UserID, t.ID, t.Name), rates}}}
}

// Budget is what the events about budgets have in common.
type Budget struct {
	UserID   int64  `json:"user_id"`
	Units    int64  `json:"budget"`             // units, in each period
	Undrawn  int64  `json:"undrawn"`            // units that no token has drawn
	Period   string `json:"period,omitempty"`   // hour, day, week, month, or a length; without one the budget does not renew
	Timezone string `json:"timezone,omitempty"` // of a period of the calendar
	ResetsAt int64  `json:"resets_at,omitempty"`
}

// BudgetIsLow is the data of user.budget_low.
type BudgetIsLow struct {
	Budget
	ThresholdPercent int64 `json:"threshold_percent"` // token.LowPercent or token.VeryLowPercent
}

// BudgetIsExhausted is the data of user.budget_exhausted.
type BudgetIsExhausted struct {
	Budget
}

// OfDraw returns what a draw from a user's wallet tells. Tokens draw units in blocks
// before they use them, so some of the units that are drawn are free.
func OfDraw(before, after token.Wallet) (facts []Fact) {
	low := before.Low
	if before.Count != after.Count {
		low = token.NotLow
	}
	if after.Low <= low {
		return nil
	}
	data := Budget{after.UserID, after.Units, max(0, after.Left), after.Length, after.Timezone, after.EndsAt}
	switch {
	case after.Low == token.Low:
		return []Fact{{BudgetLow, BudgetIsLow{data, token.LowPercent}}}
	case low < token.VeryLow:
		facts = append(facts, Fact{BudgetLow, BudgetIsLow{data, token.VeryLowPercent}})
	}
	if after.Low == token.NothingLeft {
		facts = append(facts, Fact{BudgetExhausted, BudgetIsExhausted{data}})
	}
	return facts
}
