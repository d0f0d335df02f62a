package token

import "slices"

// A NamedList is a list of a token's settings under another of its names. A client
// that reads a token, changes a list and sends everything back sends the list under
// each of its names, and only one of them has the change.
type NamedList struct {
	Name    string // as the client spells it
	Entries []string
}

// HasTwoLists reports whether a list came under more than one name, with different
// entries. Which of them counts depends on the stored token.
func (s Settings) HasTwoLists() bool { return s.OtherModels != nil || s.OtherAllowIPs != nil }

// ChooseLists returns the change with one list in the place of several: the one
// that differs from that of the token. Write the change only if the token still
// has its version; if not, choose again. The error is ErrVersionMismatch, or an
// *InvalidError if several differ from that of the token and from each other.
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

// chooseLists returns the settings with one list in the place of several. The
// settings must be normalized. The zero Token stands for one that does not exist
// yet: then a list with entries counts.
func (s Settings) chooseLists(stored Token) (Settings, error) {
	var err error
	if s.Models, err = chooseList("models", s.Models, s.OtherModels, stored.Models); err != nil {
		return s, err
	}
	if s.AllowIPs, err = chooseList("allow_ips", s.AllowIPs, s.OtherAllowIPs, stored.AllowIPs); err != nil {
		return s, err
	}
	s.OtherModels, s.OtherAllowIPs = nil, nil
	return s, s.checkHasModels()
}

func chooseList(name string, list []string, others []NamedList, stored []string) ([]string, error) {
	chosen := NamedList{name, list}
	for _, other := range others {
		switch {
		case sameEntries(other.Entries, stored), sameEntries(other.Entries, chosen.Entries):
		case sameEntries(chosen.Entries, stored):
			chosen = other
		default:
			return nil, invalid(chosen.Name, "and "+other.Name+" are two names of one list, and they differ: send only one of them")
		}
	}
	return chosen.Entries, nil
}

// joinLists normalizes a list and the same under other names. It keeps the others
// only if they have other entries.
func joinLists(list *[]string, others *[]NamedList, rule func([]string) ([]string, error)) error {
	var kept []NamedList
	for _, other := range *others {
		if err := normalizeList(&other.Entries, rule); err != nil {
			return err
		}
		switch {
		case other.Entries == nil || *list != nil && sameEntries(*list, other.Entries):
		case *list == nil:
			*list = other.Entries
		default:
			kept = append(kept, other)
		}
	}
	*others = kept
	return nil
}

// sameEntries reports whether two lists without repetitions have the same
// entries, in any order.
func sameEntries(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(entry string) bool { return !slices.Contains(b, entry) })
}
