package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// remoteIP is who has the connection.
func remoteIP(r *http.Request) netip.Addr { return parseIP(r.RemoteAddr) }

// ForwardedFor is the last address in X-Forwarded-For, which the proxy next
// to this server has added; those before it anybody can make up. It is for
// Options.ClientIP of a server that can't be reached but through
// such a proxy.
func ForwardedFor(r *http.Request) netip.Addr {
	lines := r.Header.Values("X-Forwarded-For")
	if len(lines) == 0 {
		return netip.Addr{}
	}
	last := lines[len(lines)-1]
	return parseIP(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
}

// parseIP reads an address with or without a port; the zero Addr is none.
func parseIP(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		with, _ := netip.ParseAddrPort(s) // the zero value is the answer, too
		addr = with.Addr()
	}
	return addr.Unmap().WithZone("")
}
