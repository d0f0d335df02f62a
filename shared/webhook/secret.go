package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// SecretPrefix begins every secret; base64 follows.
const SecretPrefix = "whsec_"

// A secret has minSecretBytes to maxSecretBytes, and a new one secretBytes.
const (
	minSecretBytes = 24
	maxSecretBytes = 64
	secretBytes    = 32
)

// ErrSecret means that a text is not the secret of a webhook.
var ErrSecret = errors.New("is not the secret of a webhook: it begins with whsec_, and the base64 form of 24 to 64 bytes follows")

// A Secret signs what is sent to an endpoint. It shows only its mask when it is
// printed; Reveal returns its text.
type Secret struct{ credential.Secret }

// NewSecret returns a new random secret.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails: it would end the process, see crypto/rand
	return SecretOf(key)
}

// SecretOf returns the secret with this key.
func SecretOf(key []byte) Secret {
	return Secret{credential.NewSecret(SecretPrefix + base64.StdEncoding.EncodeToString(key))}
}

// ParseSecret parses a secret. White space around it is ignored. The only error is
// ErrSecret.
func ParseSecret(s string) (Secret, error) {
	secret := Secret{credential.NewSecret(strings.TrimSpace(s))}
	if !strings.HasPrefix(secret.Reveal(), SecretPrefix) || len(secret.Key()) < minSecretBytes || len(secret.Key()) > maxSecretBytes {
		return Secret{}, ErrSecret
	}
	return secret, nil
}

// Key returns the bytes that sign, or nothing for the zero Secret.
func (s Secret) Key() []byte {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), SecretPrefix))
	if err != nil {
		return nil
	}
	return key
}
