package token

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckText returns a text without surrounding white space. If it is not valid
// UTF-8, has unprintable characters, begins with an invisible one, or has fewer
// than shortest or more than longest characters, the error is an *InvalidError for
// field.
func CheckText(field, s string, shortest, longest int) (string, error) {
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return "", invalid(field, "must be valid UTF-8")
	case n < shortest || n > longest:
		return "", invalid(field, fmt.Sprintf("must have %d to %d characters, not %d", shortest, longest, n))
	case strings.ContainsFunc(s, unprintable):
		return "", invalid(field, "must not contain control or bidirectional-override characters")
	}
	if first, _ := utf8.DecodeRuneInString(s); s != "" && invisible(first) {
		return "", invalid(field, fmt.Sprintf("must begin with a visible character, not U+%04X", first))
	}
	return s, nil
}

// unprintable reports whether a character could forge a log line or reverse the
// text around it: control characters, line and paragraph separators, and the
// bidirectional embeddings, overrides and isolates of Unicode annex 9.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// invisible reports whether a character leaves no mark of its own: joiners,
// direction marks, fillers, variation selectors, tags and the empty Braille
// pattern. They may follow a visible character, as in an emoji or in Persian.
// The signs of Unicode's Prepended_Concatenation_Mark are visible.
func invisible(r rune) bool {
	return r == '\u2800' || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// CheckQuota returns an *InvalidError for field if n is not a valid number of
// units.
func CheckQuota(field string, n int64) error {
	if n < 0 || n > MaxInteger {
		return invalid(field, fmt.Sprintf("must be between 0 and %d", int64(MaxInteger)))
	}
	return nil
}

func checkRemainQuota(n int64) (int64, error) { return n, CheckQuota("remain_quota", n) }

func checkQuotaDelta(n int64) (int64, error) {
	if n < -MaxInteger || n > MaxInteger {
		return 0, invalid("quota_delta", fmt.Sprintf("must be between -%[1]d and %[1]d", int64(MaxInteger)))
	}
	return n, nil
}

func checkExpiredTime(n int64) (int64, error) {
	const field = "expired_time"
	switch {
	case n == 0:
		return 0, invalid(field, "must not be 0: send -1 for a token that never expires, or a Unix time in seconds")
	case n < Never:
		return 0, invalid(field, "must not be negative, except -1 for a token that never expires")
	case n > MaxExpiredTime:
		return 0, invalid(field, fmt.Sprintf("must be at most %d: it is in seconds, not milliseconds", MaxExpiredTime))
	default:
		return n, nil
	}
}

func normalizeAllowIPs(entries []string) ([]string, error) {
	const field = "allow_ips"
	checked := make([]string, 0, len(entries))
	for _, entry := range entries {
		canonical, ok := canonicalIP(strings.TrimSpace(entry))
		if !ok {
			return nil, invalid(field, "must be IP addresses or CIDR ranges such as 10.0.0.0/8 or 2001:db8::1, separated by newlines or commas")
		}
		if !slices.Contains(checked, canonical) {
			checked = append(checked, canonical)
		}
	}
	if len(checked) > MaxAllowIPs {
		return nil, invalid(field, fmt.Sprintf("must have at most %d entries, not %d", MaxAllowIPs, len(checked)))
	}
	return checked, nil
}

// canonicalIP returns the canonical form of an address or a prefix: host bits
// are cleared, and IPv4-mapped IPv6 becomes IPv4. It refuses zones, which mean
// something on one machine only.
func canonicalIP(s string) (string, bool) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return addr.Unmap().String(), true
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return "", false
	}
	const mapped = 96 // the length of the prefix ::ffff:0:0/96
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked().String(), true
}

func errNoModels() error {
	return invalid("model_limits_enabled", "is true but the token has no models: send models with at least one name, or set model_limits_enabled to false")
}
