package token

import (
	"fmt"
	"slices"
	"strings"
)

// maxGroupsLength limits the names of a user's groups together, in bytes, with one
// more for each: they are in the user's item, which must stay under 1 KiB.
const maxGroupsLength = 128

// CheckGroups returns the groups that an operator grants a user, sorted and
// without repetitions, or an *InvalidError.
func CheckGroups(groups []string) ([]string, error) {
	total := 0
	clean := []string{}
	for _, group := range groups {
		group, err := CheckText("groups", group, 1, MaxGroupLength)
		if err != nil {
			return nil, err
		}
		total += len(group) + 1
		clean = append(clean, group)
	}
	if total > maxGroupsLength {
		return nil, invalid("groups", fmt.Sprintf("must have fewer or shorter names: together they can have %d bytes, with one more for each", maxGroupsLength))
	}
	slices.Sort(clean)
	return slices.Compact(clean), nil
}

// Grants reports whether the operator has granted the user a group. Only a granted
// group changes what a token of the user pays.
func (u User) Grants(group string) bool { return group != "" && slices.Contains(u.Groups, group) }

// checkGroup returns an *InvalidError unless a token of the user may have a group.
// A user without groups may use any: for such a user, a group is only a label.
func (u User) checkGroup(group string) error {
	if group == "" || len(u.Groups) == 0 || u.Grants(group) {
		return nil
	}
	return invalid("group", "must be one of your groups, "+strings.Join(u.Groups, ", ")+", or empty: ask the operator for another")
}

// PriceGroup returns the group whose prices the token pays: Group if the operator
// has granted it to the token's user, else "".
func (t Token) PriceGroup() string {
	if t.GroupGranted {
		return t.Group
	}
	return ""
}

// For returns the change as a user may make it. The error is an *InvalidError if
// the user may not use the group, and ErrKeysStopped if the change enables a token
// while the user's keys are stopped.
func (c Change) For(u User) (Change, error) {
	if c.NeedsUsable && u.KeysStopped() {
		return c, ErrKeysStopped
	}
	if c.Group == nil {
		return c, nil
	}
	c.GroupGranted = new(u.Grants(*c.Group))
	return c, u.checkGroup(*c.Group)
}
