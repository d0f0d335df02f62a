package token

// The percentages of a quota or of a budget at which it is low.
const (
	LowPercent     = 20
	VeryLowPercent = 5
)

// A Lowness says how little is left of a quota or of a budget.
type Lowness int64

// How low a quota can be.
const (
	NotLow      Lowness = iota
	Low                 // at most LowPercent is left
	VeryLow             // at most VeryLowPercent is left
	NothingLeft         // of a quota that is not 0
)

// LownessOf returns how low a quota is of which units are left.
func LownessOf(left, quota int64) Lowness {
	for l := NothingLeft; l > NotLow; l-- {
		if quota > 0 && left <= l.bound(quota) {
			return l
		}
	}
	return NotLow
}

// bound is the largest number of units that are so low.
func (l Lowness) bound(quota int64) int64 {
	percent := [...]int64{Low: LowPercent, VeryLow: VeryLowPercent, NothingLeft: 0}[l]
	return quota/100*percent + quota%100*percent/100
}
