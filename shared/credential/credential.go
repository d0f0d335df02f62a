// Package credential creates and parses keys (sk-…) and access tokens (at-…), and
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

// A credential is a prefix and the base62 form of a record of fixed width:
//
//	format version (1 byte) | random (24) | ids | CRC-32 of all before (4)
//
// The ids say where the credential's hash is stored, so that checking it takes
// one read. The checksum refuses mistyped and guessed credentials without one.
const (
	KeyPrefix    = "sk-" // begins every key
	accessPrefix = "at-" // begins every access token

	formatVersion = 200 // a small number would make every credential begin with zeros
	randomBytes   = 24
	userBytes     = 5 // user ids up to 2^40-1
	tokenBytes    = 6 // token ids up to 2^48-1
	slotBytes     = 1
	base          = 62

	// KeyLength and AccessTokenLength are in characters and include the prefix.
	KeyLength         = len(KeyPrefix) + 54
	AccessTokenLength = len(accessPrefix) + 48
)

// ErrMalformed means that a text is not a credential of the expected kind: its
// prefix, its length, a character or its checksum is wrong.
var ErrMalformed = errors.New("malformed credential")

// A Key is the credential of one token, which begins with sk-.
type Key struct {
	Secret
	UserID, TokenID int64
}

// NewKey returns a new random key for a token.
func NewKey(userID, tokenID int64) Key {
	return Key{keyLayout().encode(userID, tokenID), userID, tokenID}
}

// ParseKey parses a key. The only error is ErrMalformed.
func ParseKey(s string) (Key, error) {
	ids, err := keyLayout().decode(s)
	if err != nil {
		return Key{}, err
	}
	return Key{NewSecret(s), ids[0], ids[1]}, nil
}

// Bearer returns the credential in an authorization value: what follows the
// scheme Bearer, in upper or lower case, or the whole value if it has no scheme.
// It returns "" if there is no credential.
func Bearer(authorization string) string {
	value := strings.TrimSpace(authorization)
	if i := strings.IndexAny(value, " \t"); i > 0 && strings.EqualFold(value[:i], "Bearer") {
		value = strings.TrimSpace(value[i:])
	}
	if strings.EqualFold(value, "Bearer") {
		return ""
	}
	return value
}

// Hash returns the SHA-256 of the key's text. Only the hash is stored.
func (k Key) Hash() [32]byte { return sha256.Sum256([]byte(k.Reveal())) }

// HasKeyPrefix reports whether s begins like a key. It may still be malformed.
func HasKeyPrefix(s string) bool { return strings.HasPrefix(s, KeyPrefix) }

// An AccessToken is the credential with which a user manages tokens. It begins
// with at-.
type AccessToken struct {
	Secret
	UserID int64
	Slot   int // which of the user's slots stores its hash, 0 to 255
}

// NewAccessToken returns a new random access token for a slot of a user.
func NewAccessToken(userID int64, slot int) AccessToken {
	return AccessToken{accessLayout().encode(userID, int64(slot)), userID, slot}
}

// ParseAccessToken parses an access token. The only error is ErrMalformed.
func ParseAccessToken(s string) (AccessToken, error) {
	ids, err := accessLayout().decode(s)
	if err != nil {
		return AccessToken{}, err
	}
	return AccessToken{NewSecret(s), ids[0], int(ids[1])}, nil
}

// Hash returns the SHA-256 of the access token's text. Only the hash is stored.
func (t AccessToken) Hash() [32]byte { return sha256.Sum256([]byte(t.Reveal())) }

// A layout describes one kind of credential.
type layout struct {
	prefix string
	length int   // characters, with the prefix
	widths []int // bytes of each id
}

func keyLayout() layout {
	return layout{KeyPrefix, KeyLength, []int{userBytes, tokenBytes}}
}

func accessLayout() layout {
	return layout{accessPrefix, AccessTokenLength, []int{userBytes, slotBytes}}
}

// size returns the length of the record in bytes.
func (l layout) size() int {
	n := 1 + randomBytes + crc32.Size
	for _, w := range l.widths {
		n += w
	}
	return n
}

func (l layout) encode(ids ...int64) Secret {
	record := make([]byte, 1+randomBytes, l.size())
	record[0] = formatVersion
	_, _ = rand.Read(record[1:]) // never fails: it would end the process, see crypto/rand
	for i, w := range l.widths {
		wide := binary.BigEndian.AppendUint64(nil, uint64(ids[i])) //nolint:gosec // ids are positive
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
	ids := make([]int64, len(l.widths))
	for i, w := range l.widths {
		for _, b := range rest[:w] {
			ids[i] = ids[i]<<8 | int64(b)
		}
		rest = rest[w:]
	}
	return ids, nil
}

func notBase62(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
