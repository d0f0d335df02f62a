package main

import (
	"net/netip"
	"slices"

	"github.com/latchkey-api/latchkey/shared/quota"
)

// addresses asks about one address of each range in which all have the same
// answers, and reports neighbours with the same difference together.
func (c *comparison) addresses() {
	if c.there.AllAddresses && len(c.here.AllowIPs) == 0 {
		return
	}
	networks := slices.Clone(c.there.Networks)
	for _, entry := range c.here.AllowIPs {
		if network, err := netip.ParsePrefix(entry); err == nil {
			networks = append(networks, network)
		} else if addr, err := netip.ParseAddr(entry); err == nil {
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	var current addressRange // with the difference kind, says; the zero range is none
	var kind, says string
	for _, r := range addressRanges(networks) {
		k, s := c.differs(c.there.AllowsAddress(r.first), quota.Question{IP: r.first})
		if k == kind && s == says && r.first.BitLen() == current.first.BitLen() {
			current.last = r.last
			continue
		}
		if kind != "" {
			c.addAnswer(kind, current.String(), says)
		}
		current, kind, says = r, k, s
	}
	if kind != "" {
		c.addAnswer(kind, current.String(), says)
	}
}

// An addressRange is the addresses from the first to the last.
type addressRange struct{ first, last netip.Addr }

func (r addressRange) String() string {
	if r.first == r.last {
		return "address " + r.first.String()
	}
	return "addresses " + r.first.String() + " to " + r.last.String()
}

// addressRanges divides all addresses, in order, so that a network contains each
// range or nothing of it. IPv4-mapped IPv6 addresses are in none, because every
// system that has such lists takes them for IPv4.
func addressRanges(networks []netip.Prefix) []addressRange {
	starts := []netip.Addr{
		netip.IPv4Unspecified(), netip.IPv6Unspecified(),
		netip.MustParseAddr("::ffff:0:0"), netip.MustParseAddr("::1:0:0:0"), // the first IPv4-mapped one, and that after them
	}
	for _, n := range networks {
		starts = append(starts, n.Masked().Addr())
		if after := lastOf(n).Next(); after.IsValid() {
			starts = append(starts, after)
		}
	}
	slices.SortFunc(starts, netip.Addr.Compare) // IPv4 first
	starts = slices.Compact(starts)
	var ranges []addressRange
	for i, first := range starts {
		last := lastOf(netip.PrefixFrom(first, 0))
		if i+1 < len(starts) && starts[i+1].BitLen() == first.BitLen() {
			last = starts[i+1].Prev()
		}
		if !first.Is4In6() {
			ranges = append(ranges, addressRange{first, last})
		}
	}
	return ranges
}

// lastOf returns the last address of a network.
func lastOf(network netip.Prefix) netip.Addr {
	const perByte = 8
	content := network.Masked().Addr().AsSlice()
	for bit := network.Bits(); bit < len(content)*perByte; bit++ {
		content[bit/perByte] |= 1 << (perByte - 1 - bit%perByte)
	}
	last, _ := netip.AddrFromSlice(content) // it is as long as an address
	return last
}
