// Package narrow combines two states of the same token, user, policy or wallet:
// that of a table that was restored from a backup, and that of the live table the
// backup is of. The result never allows more than the live state does, and has
// no setting that allows more than the restored one.
//
// What was used, and which credentials are accepted, is the live state alone: it is
// newer. Each rule gives the same result if it is applied again to its own result.
package narrow

import (
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Kind is what a difference between two tables is about.
type Kind string

// The kinds of differences of tokens, and then those of users. Those of
// Skippable can be left as they are in the restored table.
const (
	Deleted   Kind = "deleted"   // the token was deleted
	Keys      Kind = "keys"      // the key was rotated
	Disabled  Kind = "disabled"  // the token was disabled, or its keys were stopped
	Expiry    Kind = "expiry"    // the token expires earlier
	Models    Kind = "models"    // the token allows fewer models
	Addresses Kind = "addresses" // the token allows fewer addresses
	Limits    Kind = "limits"    // lower quotas of windows and models, rates, or raises
	Spent     Kind = "spent"     // units were used or are held, or what remains was lowered
	Groups    Kind = "groups"    // the group that prices depend on

	UsersDeleted  Kind = "deleted-users"
	UsersDisabled Kind = "disabled-users" // disabled, keys stopped, or of a lower role
	AccessTokens  Kind = "access-tokens"
	UserLimits    Kind = "user-limits"
	Policies      Kind = "policies"
	Budgets       Kind = "budgets"
	Webhooks      Kind = "webhooks" // a webhook was changed, disabled or deleted
	NewIDs        Kind = "ids"      // ids that were given since, which must not be given again
	Prices        Kind = "prices"
)

// Kinds returns all kinds, in the order in which a report names them.
func Kinds() []Kind {
	return []Kind{
		UsersDeleted, UsersDisabled, AccessTokens, UserLimits, Policies, Budgets, Webhooks, NewIDs, Prices,
		Deleted, Keys, Disabled, Expiry, Models, Addresses, Limits, Spent, Groups,
	}
}

// Skippable returns the kinds that an operator can leave out, because undoing them
// is what the restore is for. Used units and ids that were given can't be undone.
func Skippable() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return k == Spent || k == NewIDs })
}

// minLimit is the lower of two limits of which 0 is no limit.
func minLimit(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// patterns returns the entries of model lists that both lists allow. Each entry is
// one of either list.
func patterns(a, b []string) []string {
	if slices.Equal(a, b) {
		return a
	}
	var both []string
	for _, x := range a {
		for _, y := range b {
			switch {
			case token.MatchesModel(x, y): // also if both are patterns: then x has the shorter prefix
				both = append(both, y)
			case token.MatchesModel(y, x):
				both = append(both, x)
			}
		}
	}
	slices.Sort(both)
	both = slices.Compact(both)
	return slices.DeleteFunc(slices.Clone(both), func(entry string) bool {
		return slices.ContainsFunc(both, func(other string) bool { return other != entry && covers(other, entry) })
	})
}

// covers reports whether an entry allows all that another allows.
func covers(entry, other string) bool {
	return strings.HasSuffix(entry, "*") && token.MatchesModel(entry, other)
}
