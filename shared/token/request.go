package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// KeptSeconds is for how long an answer is kept for its request to come again.
const SavedResponseSeconds = 24 * 60 * 60

// MaxIdempotencyKey is the longest idempotency key, in characters.
const MaxIdempotencyKeyLength = 255

// An AnsweredError says that a request was answered before. Nothing was done.
type AlreadyAnsweredError struct{ Sealed []byte }

func (e *AlreadyAnsweredError) Error() string { return "request was answered before" }

// A Request is one that its sender may send again, under an idempotency key,
// to get the answer of the first time. What is kept for it can be read with
// the access token and the idempotency key alone: AES-256-GCM under a key
// that HKDF makes of both. Neither is stored.
type IdempotentRequest struct {
	id          string
	aead        cipher.AEAD
	fingerprint [32]byte
	until       int64
}

// NewRequest names a request by its idempotency key, 1 to 255 visible ASCII
// characters, else it is an *InvalidError. asked is all that tells it from
// another request; now is in Unix seconds.
func NewIdempotentRequest(at credential.AccessToken, idempotencyKey string, asked []byte, now int64) (*IdempotentRequest, error) {
	if n := len(idempotencyKey); n < 1 || n > MaxIdempotencyKeyLength || !visible(idempotencyKey) {
		return nil, invalid("Idempotency-Key", fmt.Sprintf("must be 1 to %d visible ASCII characters: send a new random one, such as a UUID, with each new request", MaxIdempotencyKeyLength))
	}
	secret, err := hkdf.Key(sha256.New, []byte(at.Reveal()), []byte(idempotencyKey), "latchkey kept answer 1", 32)
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
	// The access token is not in the id: who rotates it between two attempts
	// must not do the work twice.
	sum := sha256.Sum256([]byte("latchkey idempotency key 1\x00" + idempotencyKey))
	return &IdempotentRequest{base64.RawURLEncoding.EncodeToString(sum[:]), aead, sha256.Sum256(asked), now + SavedResponseSeconds}, nil
}

func visible(s string) bool {
	for _, b := range []byte(s) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

// A Part is one of the things that are kept for a request.
type ResponsePart int64

// The parts. A plan holds what was decided before the work, so that whoever
// does it again does the same.
const (
	PartResponse ResponsePart = 0
	PartPlan     ResponsePart = 1
)

// A Kept is something to keep for a request.
type SavedResponse struct {
	RequestID string
	Part      ResponsePart
	Sealed    []byte
	Now       int64 // Unix seconds; what is kept until then is as good as gone
	ExpiresAt int64
}

// Keep seals a part.
func (r *IdempotentRequest) Seal(part ResponsePart, content []byte) SavedResponse {
	sealed := r.aead.Seal(nil, nil, content, r.additionalData(part)) //nolint:gosec // the cipher takes no nonce and makes its own
	return SavedResponse{r.id, part, sealed, r.until - SavedResponseSeconds, r.until}
}

// Open reads what was sealed for this part of the same request, or is
// ErrOtherRequest.
func (r *IdempotentRequest) Open(part ResponsePart, sealed []byte) ([]byte, error) {
	content, err := r.aead.Open(nil, nil, sealed, r.additionalData(part))
	if err != nil {
		return nil, ErrIdempotencyMismatch
	}
	return content, nil
}

func (r *IdempotentRequest) additionalData(part ResponsePart) []byte {
	return append(r.fingerprint[:], byte(part)) //nolint:gosec // one of two
}
