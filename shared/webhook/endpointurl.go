package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// MaxURLBytes is the longest URL of an endpoint.
const MaxURLBytes = 2048

// CheckURL checks the URL of an endpoint: https, a public name or address, a port
// that other services don't use, and no user name, password or fragment. The name is
// not resolved; CheckAddress checks the address at each attempt. The error is a
// *token.InvalidError.
func (r Rules) CheckURL(text string) error {
	if len(text) == 0 || len(text) > MaxURLBytes {
		return invalidURL(fmt.Sprintf("must have 1 to %d bytes, not %d", MaxURLBytes, len(text)))
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return invalidURL("must consist of visible ASCII characters: encode others with %, and a name with Punycode")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return invalidURL(r.words("must be a URL such as https://example.com/webhooks", "must be a URL such as http://127.0.0.1:9000/ or https://example.com/webhooks"))
	}
	loopback := r.Loopback && isThisMachine(u.Hostname())
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback):
		return invalidURL(r.words("must begin with https://", "must begin with https://, or with http:// for localhost or 127.0.0.1"))
	case u.User != nil:
		return invalidURL("must not contain a user name or password: verify the signature instead")
	case strings.Contains(text, "#"):
		return invalidURL("must not have a fragment, the part after #")
	}
	if !loopback {
		if err := r.checkHost(u.Hostname()); err != nil {
			return err
		}
	}
	return checkPort(u, loopback)
}

func invalidURL(reason string) error { return &token.InvalidError{Field: "url", Reason: reason} }

// words returns a text for endpoints anywhere, or one for endpoints that may also be on
// this machine.
func (r Rules) words(public, local string) string {
	if r.Loopback {
		return local
	}
	return public
}

func isThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// checkHost checks a public name or address.
func (r Rules) checkHost(host string) error {
	if address, err := netip.ParseAddr(host); err == nil {
		if r.CheckAddress(address) != nil {
			return invalidURL(fmt.Sprintf("must not be at %s, which is not a public address", address))
		}
		return nil
	}
	name := strings.ToLower(host)
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	switch {
	case len(name) > 253 || !validLabels(labels):
		return invalidURL("must have a host name of letters, digits, hyphens and full stops")
	case len(labels) < 2 || last == "localhost" || last == "local" || last == "internal":
		return invalidURL(r.words("must have a public host name such as example.com, not one of a local network", "must have a public host name, or be localhost, 127.0.0.1 or [::1]"))
	case strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"): // another way to write an address
		return invalidURL("must have a host name, or an IPv4 address as four numbers from 0 to 255, or an IPv6 address in brackets")
	}
	return nil
}

func validLabels(labels []string) bool {
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// checkPort refuses the ports of other services, such as mail.
func checkPort(u *url.URL, loopback bool) error {
	const httpsPort, firstFree, last = 443, 1024, 65535
	text := u.Port()
	if text == "" && !strings.HasSuffix(u.Host, ":") {
		return nil
	}
	port, err := strconv.Atoi(text)
	allowed := port == httpsPort || port >= firstFree && port <= last || loopback && port > 0 && port <= last
	if err != nil || !allowed {
		return invalidURL(fmt.Sprintf("must have the port %d, or one from %d to %d", httpsPort, firstFree, last))
	}
	return nil
}
