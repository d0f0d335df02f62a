package webhook

import (
	"fmt"
	"net/netip"
)

// An AddressError means that an address must not be called: it is not public, so
// it could be inside of the network that Latchkey runs in.
type AddressError struct{ Address netip.Addr }

func (e *AddressError) Error() string {
	return fmt.Sprintf("the address %s is not public", e.Address)
}

// Rules say where endpoints may be.
type Rules struct {
	// Loopback also allows http and https to loopback addresses and to the name
	// localhost. It is for a server on one's own machine.
	Loopback bool
}

// CheckAddress returns an *AddressError unless an address may be called. Calls ask
// it with the address that they connect to, after the name was resolved, so a name
// that changes its address gains nothing.
func (r Rules) CheckAddress(address netip.Addr) error {
	plain := address.Unmap()
	if public(plain) || r.Loopback && plain.IsLoopback() {
		return nil
	}
	return &AddressError{plain}
}

// public reports whether an address is one of the public Internet: not one of the
// IANA registries of special-purpose addresses, and not one by which a cloud offers
// metadata.
// https://www.iana.org/assignments/iana-ipv4-special-registry
// https://www.iana.org/assignments/iana-ipv6-special-registry
func public(address netip.Addr) bool {
	if !address.IsValid() || address.Zone() != "" {
		return false
	}
	if address.Is4() {
		return !within(address, notPublicIPv4())
	}
	// All that is assigned for unicast is in one block. Outside of it are loopback,
	// unique-local, link-local and multicast addresses, IPv4-mapped and
	// IPv4-compatible ones, and those of NAT64.
	return within(address, []string{"2000::/3"}) && !within(address, notPublicIPv6())
}

func within(address netip.Addr, blocks []string) bool {
	for _, block := range blocks {
		if netip.MustParsePrefix(block).Contains(address) {
			return true
		}
	}
	return false
}

// notPublicIPv4 returns the blocks of IPv4 that CheckAddress refuses.
func notPublicIPv4() []string {
	return []string{
		"0.0.0.0/8",        // this network
		"10.0.0.0/8",       // private
		"100.64.0.0/10",    // shared by carriers (CGNAT); metadata of Alibaba Cloud
		"127.0.0.0/8",      // loopback
		"168.63.129.16/32", // metadata of Azure
		"169.254.0.0/16",   // link-local; metadata and credentials of AWS and others
		"172.16.0.0/12",    // private
		"192.0.0.0/24",     // protocol assignments; metadata of Oracle Cloud
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // relays of 6to4
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // benchmarks
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, and broadcast
	}
}

// notPublicIPv6 returns the blocks inside of 2000::/3 that CheckAddress refuses.
func notPublicIPv6() []string {
	return []string{
		"2001::/23",     // protocol assignments, such as Teredo, which contains IPv4 addresses
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4, which contains IPv4 addresses
		"3fff::/20",     // documentation
	}
}
