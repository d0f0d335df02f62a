package token_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A wallet is shown as the next draw would find it, but a period of a fixed
// length has no end before that draw.
func TestWalletAsOf(t *testing.T) {
	const day = 86_400
	hours := period.Period{Length: "5h"}
	days := period.Period{Length: period.Day, Timezone: "UTC"}
	for name, c := range map[string]struct {
		period              period.Period
		stored              int64 // EndsAt
		count, left, endsAt int64
	}{
		"lifetime":           {period.Period{}, 0, 3, 7, 0},
		"length_not_begun":   {hours, 0, 3, 7, 0},
		"length_running":     {hours, 10*day + 1, 3, 7, 10*day + 1},
		"length_ended":       {hours, 10 * day, 4, 100, 0},
		"calendar_not_begun": {days, 0, 3, 7, 11 * day},
		"calendar_running":   {days, 11 * day, 3, 7, 11 * day},
		"calendar_ended":     {days, 9 * day, 4, 100, 11 * day},
	} {
		t.Run(name, func(t *testing.T) {
			w := token.Wallet{On: true, Budget: token.Budget{Units: 100, Period: c.period}, Count: 3, Left: 7, EndsAt: c.stored}
			got := w.AsOf(10 * day)
			if got.Count != c.count || got.Left != c.left || got.EndsAt != c.endsAt {
				t.Errorf("got count %d, %d left, until %d, want %d, %d, %d", got.Count, got.Left, got.EndsAt, c.count, c.left, c.endsAt)
			}
		})
	}
}
