package credential

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a credential that shows only its mask when it is printed with
// fmt, logged with slog or encoded as JSON or text. Reveal returns its text.
//
// The text is behind a pointer because fmt calls no methods on unexported
// fields and for %p. It then prints an address instead of the text.
type Secret struct{ plain *string }

// NewSecret returns the secret with this text.
func NewSecret(plain string) Secret { return Secret{&plain} }

// Reveal returns the text of the secret.
func (s Secret) Reveal() string {
	if s.plain == nil {
		return ""
	}
	return *s.plain
}

// Mask returns the prefix and the first and last four characters, with ten
// stars between: sk-AbCd**********wxyz. A secret that is too short for that
// becomes ten stars alone.
func (s Secret) Mask() string {
	const prefix, shown = len(KeyPrefix), 4
	plain := s.Reveal()
	if len(plain) < prefix+4*shown {
		return "**********"
	}
	return plain[:prefix+shown] + "**********" + plain[len(plain)-shown:]
}

// String returns the mask.
func (s Secret) String() string { return s.Mask() }

// GoString returns the mask, for %#v.
func (s Secret) GoString() string { return s.Mask() }

// Format prints the mask, whatever the verb and the flags are.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Mask()) }

// LogValue returns the mask, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Mask()) }

// MarshalText returns the mask, for text encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Mask()), nil }

// MarshalJSON returns the mask as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.Mask() + `"`), nil }
