package capture

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// Forms returns the texts that give a secret or its SHA-256 away, by what they are: the secret as it is, without its
// prefix, in upper case, in lower case, and encoded, and the bytes of its hash and their encodings.
func Forms(secret string) map[string]string {
	_, bare, _ := strings.Cut(secret, "-")
	if strings.HasPrefix(secret, "whsec_") {
		bare = strings.TrimPrefix(secret, "whsec_")
	}
	sum := sha256.Sum256([]byte(secret))
	return map[string]string{
		"as it is": secret, "without its prefix": bare, "in upper case": strings.ToUpper(bare), "in lower case": strings.ToLower(bare),
		"in a URL": url.QueryEscape(secret), "in base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"hash": string(sum[:]), "hash in hex": hex.EncodeToString(sum[:]),
		"hash in base64": base64.StdEncoding.EncodeToString(sum[:]), "hash in base64 for URLs": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
}
