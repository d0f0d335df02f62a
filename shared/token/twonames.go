package token

import "slices"

// A client that reads a token, changes a list and sends everything back sends the
// list under both of its names, and only one of them has the change.

// HasTwoLists reports whether a list came under two names with different entries.
// Which of them counts depends on the stored token.
func (s Settings) HasTwoLists() bool { return s.OtherModels != nil || s.OtherAllowIPs != nil }

// ChooseLists returns the change with one list in the place of each two: the one
// that differs from that of the token. Write the change only if the token still
// has its version; if not, choose again. The error is ErrVersionMismatch, or an
// *InvalidError if both lists differ from that of the token.
func (c Change) ChooseLists(t Token) (Change, error) {
	if !c.HasTwoLists() {
		return c, nil
	}
	if !c.Versions.Allow(t.Version) {
		return c, ErrVersionMismatch
	}
	s := c.Settings
	s.Models, s.AllowIPs = c.sentModels, c.sentAllowIPs
	chosen, err := s.chooseLists(t)
	if err != nil {
		return c, err
	}
	c.Models, c.AllowIPs = chosen.Models, chosen.AllowIPs
	return c.requireModels(), nil
}

// chooseLists returns the settings with one list in the place of each two. The
// settings must be normalized. The zero Token stands for one that does not exist
// yet: then a list with entries counts.
func (s Settings) chooseLists(stored Token) (Settings, error) {
	var err error
	if s.Models, err = chooseList("models", "model_limits", s.Models, s.OtherModels, stored.Models); err != nil {
		return s, err
	}
	if s.AllowIPs, err = chooseList("allow_ips", "subnet", s.AllowIPs, s.OtherAllowIPs, stored.AllowIPs); err != nil {
		return s, err
	}
	s.OtherModels, s.OtherAllowIPs = nil, nil
	return s, s.checkHasModels()
}

func chooseList(name, otherName string, list, other, stored []string) ([]string, error) {
	switch {
	case other == nil, sameEntries(other, stored):
		return list, nil
	case sameEntries(list, stored):
		return other, nil
	default:
		return nil, invalid(name, "and "+otherName+" are two names of one list, and both differ from the token's and from each other: send only one of them")
	}
}

// joinLists keeps the second list only if it has other entries than the first.
func joinLists(list, other *[]string) {
	switch {
	case *list == nil:
		*list, *other = *other, nil
	case sameEntries(*list, *other):
		*other = nil
	}
}

// sameEntries reports whether two lists without repetitions have the same
// entries, in any order.
func sameEntries(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(entry string) bool { return !slices.Contains(b, entry) })
}
