package credential

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
)

// A Secret is a credential that prints its mask wherever it is printed:
// with fmt, in a log line, as JSON. Reveal is the one way to its text.
//
// The text is behind a pointer because fmt calls no method on a field that is
// not exported, nor for %p: of those it prints an address.
type Secret struct{ plain *string }

// NewSecret makes a secret of a credential's text.
func NewSecret(plain string) Secret { return Secret{&plain} }

// Reveal gives the plaintext, for the one answer that shows it.
func (s Secret) Reveal() string {
	if s.plain == nil {
		return ""
	}
	return *s.plain
}

// Mask keeps the prefix and the first and last four characters:
// sk-AbCd**********wxyz. It tells credentials apart and gives none away.
func (s Secret) Mask() string {
	const prefix, shown = len(KeyPrefix), 4
	plain := s.Reveal()
	if len(plain) < prefix+4*shown {
		return "**********"
	}
	return plain[:prefix+shown] + "**********" + plain[len(plain)-shown:]
}

// String gives the mask.
func (s Secret) String() string { return s.Mask() }

// GoString gives the mask, for %#v.
func (s Secret) GoString() string { return s.Mask() }

// Format prints the mask under every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Mask()) }

// LogValue gives slog the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Mask()) }

// MarshalText gives every text encoding, JSON among them, the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Mask()), nil }

// MarshalJSON gives JSON the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.Mask() + `"`), nil }

// pattern matches what looks like a credential: sk- or at- in any case, at the
// start of a word or after an underscore, and at least 8 characters of a key,
// such as those of sk-proj-… keys. It does not match a mask.
var pattern = regexp.MustCompile(`(?i)(^|[^0-9a-z])(sk-|at-)([0-9a-z_-]{8,})`)

// Redact masks whatever looks like a credential. Use it for any text that may
// quote what a caller sent.
func Redact(s string) string { return pattern.ReplaceAllString(s, "${1}${2}**********") }

// Find returns the first text in s that looks like a credential and has at
// least n characters after its prefix, or "". n below 8 counts as 8.
func Find(s string, n int) string {
	for _, m := range pattern.FindAllStringSubmatch(s, -1) {
		if len(m[3]) >= n {
			return m[2] + m[3]
		}
	}
	return ""
}
