package token

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// KeyShownSeconds is how long after its creation a key can be read again: ten
// minutes.
const KeyShownSeconds = 10 * 60

// A SealedKey is a token's key, encrypted for the access token that created it.
// What opens it is not stored, so the table alone reveals no key.
type SealedKey struct {
	Content []byte // nil if there is none
	Until   int64  // the Unix second from which the key is no longer shown
}

// sealKey encrypts a key that is new at a Unix second.
func sealKey(at credential.AccessToken, key credential.Key, now int64) (SealedKey, error) {
	hash := key.Hash()
	aead, err := keyCipher(at, hash)
	if err != nil {
		return SealedKey{}, err
	}
	return SealedKey{aead.Seal(nil, nil, []byte(key.Reveal()), nil), now + KeyShownSeconds}, nil //nolint:gosec // the cipher takes no nonce and makes its own
}

// IssuedKey returns the token's key, for the access token that created it. Else,
// or once KeyShownSeconds have passed, the error is ErrKeyNotAvailable or
// ErrKeyOfOther.
func (t Token) IssuedKey(at credential.AccessToken, now int64) (credential.Key, error) {
	if t.SealedKey.Content == nil || t.SealedKey.Until <= now {
		return credential.Key{}, ErrKeyNotAvailable
	}
	aead, err := keyCipher(at, t.KeyHash)
	if err != nil {
		return credential.Key{}, err
	}
	plain, err := aead.Open(nil, nil, t.SealedKey.Content, nil)
	if err != nil {
		return credential.Key{}, ErrKeyOfOther
	}
	return credential.ParseKey(string(plain))
}

// keyCipher is the cipher for a key with this hash. A copy that is moved to a
// token with another key can't be opened there.
func keyCipher(at credential.AccessToken, hash [32]byte) (cipher.AEAD, error) {
	return newCipher(at, string(hash[:]), "latchkey shown key 1")
}

// newCipher returns AES-256-GCM with a key that HKDF derives from an access token
// and a salt. purpose tells it from the ciphers of other purposes.
func newCipher(at credential.AccessToken, salt, purpose string) (cipher.AEAD, error) {
	secret, err := hkdf.Key(sha256.New, []byte(at.Reveal()), []byte(salt), purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return aead, nil
}

// ShowKeys returns a key or an error for each id, in order: those of
// Token.IssuedKey, and ErrNotFound. The ids must be unique.
func (s *Service) ShowKeys(ctx context.Context, at credential.AccessToken, ids []int64) ([]credential.Key, []error, error) {
	found, err := s.Store.GetAll(ctx, s.Caller(at), ids)
	if err != nil {
		return nil, nil, err
	}
	now := s.UnixNow()
	keys, errs := make([]credential.Key, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		if t, ok := found[id]; ok {
			keys[i], errs[i] = t.IssuedKey(at, now)
		} else {
			errs[i] = ErrNotFound
		}
	}
	return keys, errs, nil
}
