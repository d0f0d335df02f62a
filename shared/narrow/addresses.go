package narrow

import (
	"net/netip"
	"slices"
)

// addresses returns the entries of Token.AllowIPs that both lists allow. An empty
// list allows every address. ok is false if no address is in both.
func addresses(a, b []string) (both []string, ok bool) {
	switch {
	case slices.Equal(a, b), len(b) == 0:
		return a, true
	case len(a) == 0:
		return b, true
	}
	for _, x := range a {
		for _, y := range b {
			switch {
			case contains(x, y):
				both = append(both, y)
			case contains(y, x):
				both = append(both, x)
			}
		}
	}
	slices.Sort(both)
	return slices.Compact(both), len(both) > 0
}

// contains reports whether the network x contains the network or address y.
func contains(x, y string) bool {
	outer, okOuter := network(x)
	inner, okInner := network(y)
	return okOuter && okInner && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

func network(entry string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(entry); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(entry)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
