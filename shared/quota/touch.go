package quota

import (
	"net/netip"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// UseSeconds is how long a recorded use of a token lasts: a store records no other
// one before that.
const UseSeconds = 60 * 60

// A Touch says that a token's key was used, or how often it was refused. It has one
// of both.
type Touch struct {
	Use      token.LastUse    // recorded if the last one is at least UseSeconds older; the zero value is none
	Refusals map[string]int64 // by Reason.Name
}

// An Origin says where a request comes from. It decides nothing: a part of it is
// kept as the token's last use.
type Origin struct {
	IP        netip.Addr
	UserAgent string // as HTTP has it
}

// Use returns what is kept of the origin of a use at a Unix second. It names a
// network instead of an address, and a program without its version and system, so
// that it tells uses apart and not people.
func (o Origin) Use(now int64) token.LastUse {
	return token.LastUse{Time: now, Network: network(o.IP), UserAgent: program(o.UserAgent)}
}

// The networks that are kept of addresses: about what one customer of a provider
// has.
const networkBits4, networkBits6 = 24, 48

// network returns the network of an address, such as 203.0.113.0/24, and "" for an
// address that is not known.
func network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := networkBits6
	switch {
	case !addr.IsValid() || addr.IsUnspecified():
		return ""
	case addr.Is4():
		bits = networkBits4
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}

// MaxUserAgentLength is how many characters of a user agent are kept.
const MaxUserAgentLength = 40

// program returns the name of the program in a user agent: its first product
// without the version, as curl of "curl/8.5.0". Browsers call themselves Mozilla
// first, so theirs is the product that the other browsers don't have. It is "" if a
// part of the user agent looks like a credential.
func program(userAgent string) string {
	products := strings.Fields(userAgent)
	if len(products) == 0 || credential.Find(userAgent, 0) != "" {
		return ""
	}
	name := productName(products[0])
	if name == "Mozilla" {
		name = browser(products[1:])
	}
	return name[:min(len(name), MaxUserAgentLength)]
}

// browser returns the name of the program of a user agent that begins with Mozilla.
func browser(products []string) string {
	const engines = " AppleWebKit Gecko Version Mobile Safari Chrome Electron "
	name, comment := "Mozilla", 0
	for _, product := range products {
		comment += strings.Count(product, "(")
		if comment > 0 {
			comment -= strings.Count(product, ")")
			continue
		}
		switch candidate := productName(product); {
		case candidate == "":
		case !strings.Contains(engines, " "+candidate+" "):
			return candidate
		case candidate == "Chrome" || candidate == "Safari" && name == "Mozilla":
			name = candidate
		}
	}
	return name
}

// productName returns a product of a user agent without its version, which begins
// with a digit; OpenAI/Python has none. It ends before the first character that no
// product may have: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.5.
func productName(product string) string {
	if i := strings.IndexFunc(product, func(r rune) bool { return !strings.ContainsRune(productCharacters, r) }); i >= 0 {
		product = product[:i]
	}
	name, rest, _ := strings.Cut(product, "/")
	rest, _, _ = strings.Cut(rest, "/")
	if first := strings.TrimPrefix(rest, "v"); first != "" && !strings.ContainsAny(first[:1], "0123456789") {
		name += "/" + rest
	}
	if couldBeKey(name) {
		return ""
	}
	return name
}

const productCharacters = "!#$%&'*+-.^_`|~/" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// couldBeKey reports whether a name is as long as a key of another system, and has
// digits as those have.
func couldBeKey(name string) bool {
	return len(name) >= credential.MinForeignKeyLength && strings.ContainsAny(name, "0123456789")
}

// AddrOf returns the address of a text that has one, with or without a port, such
// as http.Request.RemoteAddr. It is the zero Addr if the text has none.
func AddrOf(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		addrPort, _ := netip.ParseAddrPort(s) // its zero value has the zero Addr
		addr = addrPort.Addr()
	}
	return addr.Unmap().WithZone("")
}
