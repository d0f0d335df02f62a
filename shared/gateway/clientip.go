package gateway

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/latchkey-api/latchkey/shared/quota"
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
	return quota.AddrOf(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
}

// remoteIP returns the address of the connection.
func remoteIP(r *http.Request) netip.Addr { return quota.AddrOf(r.RemoteAddr) }
