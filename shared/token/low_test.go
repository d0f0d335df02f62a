package token_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/token"
)

// TestLownessOf has the bounds of each lowness, and those of the largest quota.
func TestLownessOf(t *testing.T) {
	t.Parallel()
	const most = token.MaxInteger
	for _, tt := range []struct {
		left, quota int64
		want        token.Lowness
	}{
		{21, 100, token.NotLow},
		{20, 100, token.Low},
		{6, 100, token.Low},
		{5, 100, token.VeryLow},
		{1, 100, token.VeryLow},
		{0, 100, token.NothingLeft},
		{-7, 100, token.NothingLeft},
		{1, 4, token.NotLow},
		{1, 5, token.Low},
		{0, 0, token.NotLow},
		{most/5 + 1, most, token.NotLow},
		{most / 5, most, token.Low},
		{most / 20, most, token.VeryLow},
	} {
		if got := token.LownessOf(tt.left, tt.quota); got != tt.want {
			t.Errorf("%d of %d: got %d, want %d", tt.left, tt.quota, got, tt.want)
		}
	}
}

// TestDrawLowness draws in random steps. A wallet with the units that Draw says is as
// low after the draw as the one that it was computed for; one with a unit less is lower.
func TestDrawLowness(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := token.Wallet{Budget: token.Budget{Units: rapid.Int64Range(1, 1000).Draw(rt, "budget")}}
		w.Left = rapid.Int64Range(1, w.Units).Draw(rt, "left")
		w.Low = token.LownessOf(w.Left, w.Units)
		units := rapid.Int64Range(1, w.Left).Draw(rt, "units")
		next, least := w.Draw(units)
		if next.Left != w.Left-units || next.Low != token.LownessOf(next.Left, w.Units) {
			rt.Fatalf("got %+v", next)
		}
		if next.Low != w.Low {
			return
		}
		for left, want := range map[int64]bool{least: true, least - 1: false} {
			w.Left = left
			if other, _ := w.Draw(units); left >= units && (other.Low == next.Low) != want {
				rt.Errorf("with %d units: got %d, want %d: %t", left, other.Low, next.Low, want)
			}
		}
	})
}
