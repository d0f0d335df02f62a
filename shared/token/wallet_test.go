package token_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

func TestBudgetNormalize(t *testing.T) {
	for name, c := range map[string]struct {
		in    token.Budget
		field string // of the error; "" if it is accepted
	}{
		"lifetime":      {token.Budget{Units: 5}, ""},
		"nothing":       {token.Budget{}, ""},
		"below 0":       {token.Budget{Units: -1}, "budget"},
		"too large":     {token.Budget{Units: token.MaxInteger + 1}, "budget"},
		"month":         {token.Budget{Units: 5, Period: period.Period{Length: "month", Timezone: "Europe/Berlin"}}, ""},
		"no period":     {token.Budget{Units: 5, Period: period.Period{Timezone: "Europe/Berlin"}}, "timezone"},
		"wrong period":  {token.Budget{Units: 5, Period: period.Period{Length: "year"}}, "period"},
		"no such place": {token.Budget{Units: 5, Period: period.Period{Length: "day", Timezone: "Mars/Base"}}, "timezone"},
	} {
		_, err := c.in.Normalize()
		var bad *token.InvalidError
		if errors.As(err, &bad) != (c.field != "") || bad != nil && bad.Field != c.field {
			t.Errorf("%s: got %v, want field %q", name, err, c.field)
		}
	}
}

// A wallet's parts add up to its budget through every change, whoever draws.
func TestWalletAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lengths := []string{"", "1h", "day"}
		budget := func() token.Budget {
			return token.Budget{
				Units:  rapid.Int64Range(0, 1_000).Draw(rt, "units"),
				Period: period.Period{Length: rapid.SampledFrom(lengths).Draw(rt, "length")},
			}
		}
		b := budget()
		w := token.Wallet{}.SetBudget(&b)
		count, drawn, now := w.Count, int64(0), int64(1_700_000_000)
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				b := budget()
				w = w.SetBudget(&b)
			case 1:
				now += rapid.Int64Range(0, 100_000).Draw(rt, "seconds")
			case 2:
				w = w.SetBudget(nil)
			default:
				if w = w.At(now); !w.On {
					continue
				}
				if w.Count != count {
					count, drawn = w.Count, 0
				}
				need := rapid.Int64Range(1, 100).Draw(rt, "need")
				size := w.DrawSize(need)
				if size > max(0, w.Left) || size < min(need, w.Left) {
					rt.Fatalf("draws %d of %d for %d", size, w.Left, need)
				}
				w.Left, drawn = w.Left-size, drawn+size
			}
			if w.Count != count {
				count, drawn = w.Count, 0
			}
			if w.On && w.Left+drawn+w.Gone != w.Units {
				rt.Fatalf("%d left and %d drawn of %d", w.Left, drawn, w.Units)
			}
		}
	})
}

func TestSetBudget(t *testing.T) {
	month := period.Period{Length: "month"}
	on := token.Wallet{}.SetBudget(&token.Budget{Units: 100})
	on.Left -= 30 // drawn
	for name, c := range map[string]struct {
		from, want token.Wallet
		b          *token.Budget
	}{
		"first":         {token.Wallet{}, token.Wallet{On: true, Order: 1, Count: 1, Budget: token.Budget{Units: 100}, Left: 100}, &token.Budget{Units: 100}},
		"the same":      {on, on, &token.Budget{Units: 100}},
		"more":          {on, token.Wallet{On: true, Order: 1, Count: 1, Budget: token.Budget{Units: 150}, Left: 120}, &token.Budget{Units: 150}},
		"less than was": {on, token.Wallet{On: true, Order: 1, Count: 1, Budget: token.Budget{Units: 10}, Left: -20, Low: token.NothingLeft}, &token.Budget{Units: 10}},
		"other period":  {on, token.Wallet{On: true, Order: 1, Count: 2, Budget: token.Budget{Units: 100, Period: month}, Left: 100}, &token.Budget{Units: 100, Period: month}},
		"off":           {on, token.Wallet{Order: 2, Count: 2, Budget: token.Budget{Units: 100}, Left: 70}, nil},
		"off again":     {token.Wallet{Order: 2}, token.Wallet{Order: 2}, nil},
		"on again":      {token.Wallet{Order: 2, Count: 2, Left: 70}, token.Wallet{On: true, Order: 3, Count: 3, Budget: token.Budget{Units: 5}, Left: 5}, &token.Budget{Units: 5}},
	} {
		if got := c.from.SetBudget(c.b); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// A token follows the newest order, however late an older one arrives.
func TestFollow(t *testing.T) {
	block := token.Block{Count: 2, Drawn: 5, Meter: token.Meter{Number: 1, Left: 5}}
	for name, c := range map[string]struct {
		uses   bool
		order  int64
		block  token.Block
		wallet token.Wallet
		want   token.Token
		change bool
	}{
		"turned on":      {false, 0, token.Block{}, token.Wallet{On: true, Order: 1, Count: 1}, token.Token{UsesWallet: true, WalletOrder: 1}, true},
		"turned off":     {true, 1, block, token.Wallet{Order: 2, Count: 3}, token.Token{WalletOrder: 2}, true},
		"off and on":     {true, 1, block, token.Wallet{On: true, Order: 3, Count: 4}, token.Token{UsesWallet: true, WalletOrder: 3}, true},
		"an old order":   {true, 3, block, token.Wallet{Order: 2, Count: 2}, token.Token{UsesWallet: true, WalletOrder: 3, Block: block}, false},
		"the same":       {true, 1, block, token.Wallet{On: true, Order: 1, Count: 2}, token.Token{UsesWallet: true, WalletOrder: 1, Block: block}, false},
		"another period": {true, 1, block, token.Wallet{On: true, Order: 1, Count: 3}, token.Token{UsesWallet: true, WalletOrder: 1}, true},
		"a newer block":  {true, 1, block, token.Wallet{On: true, Order: 1, Count: 1}, token.Token{UsesWallet: true, WalletOrder: 1, Block: block}, false},
	} {
		got, changed := token.Token{UsesWallet: c.uses, WalletOrder: c.order, Block: c.block}.Follow(c.wallet)
		if changed != c.change || got.UsesWallet != c.want.UsesWallet || got.WalletOrder != c.want.WalletOrder || got.Block != c.want.Block {
			t.Errorf("%s: got %+v, %v, want %+v, %v", name, got, changed, c.want, c.change)
		}
	}
}
