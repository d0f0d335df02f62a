package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// ForwardedFor returns the last address in the X-Forwarded-For headers. The
// proxy next to this server adds that one; the client can forge the others.
// Use it as Options.ClientIP only if the server can't be reached except
// through such a proxy. The zero Addr means that there is no valid address.
func ForwardedFor(r *http.Request) netip.Addr {
	lines := r.Header.Values("X-Forwarded-For")
	if len(lines) == 0 {
		return netip.Addr{}
	}
	last := lines[len(lines)-1]
	return parseIP(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
}

// remoteIP returns the address of the connection.
func remoteIP(r *http.Request) netip.Addr { return parseIP(r.RemoteAddr) }

// parseIP parses an address with or without a port. It returns the zero Addr
// if s is neither.
func parseIP(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		addrPort, _ := netip.ParseAddrPort(s) // its zero value has the zero Addr
		addr = addrPort.Addr()
	}
	return addr.Unmap().WithZone("")
}
