package credential

import "strings"

// The length of a foreign key, in characters. A shorter one could be guessed.
const (
	MinForeignKeyLength = 20
	MaxForeignKeyLength = 512
)

// ForeignKeys returns the texts under which a key that another system has issued
// may be known, the likeliest first; none if s can't be such a key. New API and
// One API accept their keys with and without sk-.
func ForeignKeys(s string) []Secret {
	if len(s) < MinForeignKeyLength || len(s) > MaxForeignKeyLength || strings.HasPrefix(s, accessPrefix) || strings.ContainsFunc(s, notGraphic) {
		return nil
	}
	if HasKeyPrefix(s) {
		return []Secret{NewSecret(s)}
	}
	return []Secret{NewSecret(s), NewSecret(KeyPrefix + s)}
}

// ForeignMask returns what is shown of a foreign key: its last four characters,
// because it may be short. "" is a key that is not known.
func ForeignMask(plain string) string {
	switch {
	case len(plain) < MinForeignKeyLength:
		return MaskedKey("", "")
	case HasKeyPrefix(plain):
		return MaskedKey(KeyPrefix, plain)
	default:
		return MaskedKey("", plain)
	}
}

// MaskedKey returns the mask of a key of which only the beginning and the end are
// known. Of the end it shows four characters at most.
func MaskedKey(prefix, end string) string {
	const hidden, shown = "**********", 4
	if strings.ContainsFunc(end, notGraphic) {
		end = ""
	}
	return prefix + hidden + end[max(0, len(end)-shown):]
}

// ForeignKey returns a foreign key of a token. plain is one of ForeignKeys.
func ForeignKey(plain Secret, userID, tokenID int64) Key { return Key{plain, userID, tokenID} }

func notGraphic(r rune) bool { return r <= ' ' || r > '~' }
