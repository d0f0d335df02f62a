// Package credential makes and reads keys (sk-…) and access tokens (at-…), and
// keeps them out of logs and messages.
package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/big"
	"strings"
)

// Credentials are base62 of one fixed-width record:
//
//	format version (1 byte) | random (24) | numbers | CRC-32 of all before (4)
//
// The numbers are the credential's own address, so whoever holds it can be
// looked up with one read; the checksum refuses a typo or a guess with none.
const (
	KeyPrefix    = "sk-" // of every key
	accessPrefix = "at-"

	formatVersion = 200 // a low one would make every key begin with zeros
	randomBytes   = 24
	userBytes     = 5 // ids up to 2^40-1
	tokenBytes    = 6 // ids up to 2^48-1
	slotBytes     = 1
	base          = 62

	// KeyLength and AccessTokenLength count the characters, prefix included.
	KeyLength         = len(KeyPrefix) + 54
	AccessTokenLength = len(accessPrefix) + 48
)

// ErrMalformed says that a text is no credential of the wanted kind; its checksum
// or its form is wrong.
var ErrMalformed = errors.New("malformed credential")

// A Key is the sk- credential of one token.
type Key struct {
	Secret
	UserID, TokenID int64
}

// NewKey makes a new random key for a token.
func NewKey(userID, tokenID int64) Key {
	return Key{keyLayout().encode(userID, tokenID), userID, tokenID}
}

// ParseKey reads a key; the only error is ErrMalformed.
func ParseKey(s string) (Key, error) {
	numbers, err := keyLayout().decode(s)
	if err != nil {
		return Key{}, err
	}
	return Key{NewSecret(s), numbers[0], numbers[1]}, nil
}

// Bearer reads an Authorization header: the credential after the scheme
// Bearer in any case, or the credential alone; "" if there is none.
func Bearer(header string) string {
	value := strings.TrimSpace(header)
	if i := strings.IndexAny(value, " \t"); i > 0 && strings.EqualFold(value[:i], "Bearer") {
		value = strings.TrimSpace(value[i:])
	}
	if strings.EqualFold(value, "Bearer") {
		return ""
	}
	return value
}

// Hash is what is stored of a key: SHA-256 of its text.
func (k Key) Hash() [32]byte { return sha256.Sum256([]byte(k.Reveal())) }

// LooksLikeKey reports whether a text was meant as an sk- key.
func HasKeyPrefix(s string) bool { return strings.HasPrefix(s, KeyPrefix) }

// An AccessToken is the at- credential with which a user manages tokens.
type AccessToken struct {
	Secret
	UserID int64
	Slot   int // which of the user's MaxSlots places holds its hash
}

// NewAccessToken makes a new random access token.
func NewAccessToken(userID int64, slot int) AccessToken {
	return AccessToken{accessLayout().encode(userID, int64(slot)), userID, slot}
}

// ParseAccessToken reads an access token; the only error is ErrMalformed.
func ParseAccessToken(s string) (AccessToken, error) {
	numbers, err := accessLayout().decode(s)
	if err != nil {
		return AccessToken{}, err
	}
	return AccessToken{NewSecret(s), numbers[0], int(numbers[1])}, nil
}

// Hash is what is stored of an access token: SHA-256 of its text.
func (t AccessToken) Hash() [32]byte { return sha256.Sum256([]byte(t.Reveal())) }

// A layout is the form of one kind of credential.
type layout struct {
	prefix string
	length int   // of the text
	widths []int // of the numbers, in bytes
}

func keyLayout() layout {
	return layout{KeyPrefix, KeyLength, []int{userBytes, tokenBytes}}
}

func accessLayout() layout {
	return layout{accessPrefix, AccessTokenLength, []int{userBytes, slotBytes}}
}

func (l layout) size() int {
	n := 1 + randomBytes + crc32.Size
	for _, w := range l.widths {
		n += w
	}
	return n
}

func (l layout) encode(numbers ...int64) Secret {
	record := make([]byte, 1+randomBytes, l.size())
	record[0] = formatVersion
	_, _ = rand.Read(record[1:]) // never fails: crypto/rand documents that it ends the process instead
	for i, w := range l.widths {
		wide := binary.BigEndian.AppendUint64(nil, uint64(numbers[i])) //nolint:gosec // ids are positive
		record = append(record, wide[8-w:]...)
	}
	record = binary.BigEndian.AppendUint32(record, crc32.ChecksumIEEE(record))
	digits := new(big.Int).SetBytes(record).Text(base)
	return NewSecret(l.prefix + strings.Repeat("0", l.length-len(l.prefix)-len(digits)) + digits)
}

func (l layout) decode(s string) ([]int64, error) {
	digits, ok := strings.CutPrefix(s, l.prefix)
	if !ok || len(s) != l.length || strings.ContainsFunc(digits, notBase62) {
		return nil, ErrMalformed
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok || n.BitLen() > 8*l.size() {
		return nil, ErrMalformed
	}
	record := n.FillBytes(make([]byte, l.size()))
	rest := record[1+randomBytes : len(record)-crc32.Size]
	sum := binary.BigEndian.Uint32(record[len(record)-crc32.Size:])
	if record[0] != formatVersion || sum != crc32.ChecksumIEEE(record[:len(record)-crc32.Size]) {
		return nil, ErrMalformed
	}
	numbers := make([]int64, len(l.widths))
	for i, w := range l.widths {
		for _, b := range rest[:w] {
			numbers[i] = numbers[i]<<8 | int64(b)
		}
		rest = rest[w:]
	}
	return numbers, nil
}

func notBase62(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
