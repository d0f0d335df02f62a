package token_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestIdempotentRequest checks that a saved response opens only for the same
// request, idempotency key and access token.
func TestIdempotentRequest(t *testing.T) {
	t.Parallel()
	at := credential.NewAccessToken(7, 0)
	request := func(at credential.AccessToken, key, asked string) *token.IdempotentRequest {
		t.Helper()
		r, err := token.NewIdempotentRequest(at, key, []byte(asked), 1_700_000_000)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const secret = "sk-plain"
	mine := request(at, "key", "asked")
	saved := mine.Seal(token.PartResponse, []byte(secret))
	if got, err := request(at, "key", "asked").Open(token.PartResponse, saved.Sealed); err != nil || string(got) != secret {
		t.Errorf("the same request opens %q, %v", got, err)
	}
	for name, other := range map[string]*token.IdempotentRequest{
		"another body":         request(at, "key", "asked for more"),
		"another key":          request(at, "other", "asked"),
		"another access token": request(credential.NewAccessToken(7, 0), "key", "asked"),
	} {
		if got, err := other.Open(token.PartResponse, saved.Sealed); !errors.Is(err, token.ErrIdempotencyMismatch) {
			t.Errorf("%s opens %q, %v, want token.ErrIdempotencyMismatch", name, got, err)
		}
	}
	if got, err := mine.Open(token.PartPlan, saved.Sealed); !errors.Is(err, token.ErrIdempotencyMismatch) {
		t.Errorf("a response opens as a plan: %q, %v", got, err)
	}
	if again := mine.Seal(token.PartResponse, []byte(secret)); bytes.Equal(again.Sealed, saved.Sealed) {
		t.Error("sealing the same response twice gives the same bytes")
	}
	if request(credential.NewAccessToken(7, 1), "key", "asked").ID() != mine.ID() {
		t.Error("the id depends on the access token: after a rotation, a repeated request would do the work twice")
	}
}
