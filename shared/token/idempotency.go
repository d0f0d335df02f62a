package token

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// SavedResponseSeconds is how long a response is saved for repetitions of its
// request.
const SavedResponseSeconds = 24 * 60 * 60

// MaxIdempotencyKeyLength is the largest length of an idempotency key, in
// characters.
const MaxIdempotencyKeyLength = 255

// An AlreadyAnsweredError means that a response to the request is saved
// already; IdempotentRequest.Open reads it. Nothing was done.
type AlreadyAnsweredError struct{ Sealed []byte }

func (e *AlreadyAnsweredError) Error() string { return "request was answered before" }

// An IdempotentRequest is a request with an idempotency key: if the client
// repeats it, it gets the saved response of the first time. The response is
// encrypted with AES-256-GCM. HKDF derives the key from the access token and
// the idempotency key together, neither of which is stored.
type IdempotentRequest struct {
	id          string
	aead        cipher.AEAD
	fingerprint [32]byte
	expiresAt   int64
}

// NewIdempotentRequest returns the request with an idempotency key of 1 to
// MaxIdempotencyKeyLength visible ASCII characters; for any other key the error
// is an *InvalidError. content is everything that tells the request from other
// requests. now is in Unix seconds.
func NewIdempotentRequest(at credential.AccessToken, idempotencyKey string, content []byte, now int64) (*IdempotentRequest, error) {
	if n := len(idempotencyKey); n < 1 || n > MaxIdempotencyKeyLength || !visible(idempotencyKey) {
		return nil, invalid("idempotency key", fmt.Sprintf("must be 1 to %d visible ASCII characters: send a new random one, such as a UUID, with each new request", MaxIdempotencyKeyLength))
	}
	aead, err := newCipher(at, idempotencyKey, "latchkey kept answer 1")
	if err != nil {
		return nil, err
	}
	// The id does not depend on the access token. If it did, a client that
	// rotates its access token between two attempts would do the work twice.
	sum := sha256.Sum256([]byte("latchkey idempotency key 1\x00" + idempotencyKey))
	return &IdempotentRequest{base64.RawURLEncoding.EncodeToString(sum[:]), aead, sha256.Sum256(content), now + SavedResponseSeconds}, nil
}

func visible(s string) bool {
	for _, b := range []byte(s) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

// A ResponsePart names one of the parts that are saved for a request.
type ResponsePart int64

// The parts of a saved response. The plan is what was decided before the work
// began, so that a repetition after a failure makes the same decisions.
const (
	PartResponse ResponsePart = 0
	PartPlan     ResponsePart = 1
)

// A SavedResponse is one encrypted part to save for a request.
type SavedResponse struct {
	RequestID string
	Part      ResponsePart
	Sealed    []byte
	Now       int64 // Unix seconds; a part that is stored already and has expired by then is replaced
	ExpiresAt int64 // Unix seconds
}

// Seal encrypts a part.
func (r *IdempotentRequest) Seal(part ResponsePart, content []byte) SavedResponse {
	sealed := r.aead.Seal(nil, nil, content, r.additionalData(part)) //nolint:gosec // the cipher takes no nonce and makes its own
	return SavedResponse{r.id, part, sealed, r.expiresAt - SavedResponseSeconds, r.expiresAt}
}

// Open decrypts a part that was sealed for the same request. If it was sealed
// for another request, another part or with another access token, the error is
// ErrIdempotencyMismatch.
func (r *IdempotentRequest) Open(part ResponsePart, sealed []byte) ([]byte, error) {
	content, err := r.aead.Open(nil, nil, sealed, r.additionalData(part))
	if err != nil {
		return nil, ErrIdempotencyMismatch
	}
	return content, nil
}

func (r *IdempotentRequest) additionalData(part ResponsePart) []byte {
	return append(r.fingerprint[:], byte(part)) //nolint:gosec // a part is 0 or 1
}
