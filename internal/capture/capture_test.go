package capture_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// TestCredential checks that a printed key or access token is found, and that
// a mask or an example value is not.
func TestCredential(t *testing.T) {
	key, access := credential.NewKey(1, 2), credential.NewAccessToken(1, 0)
	for _, plain := range []string{key.Reveal(), access.Reveal()} {
		if got := capture.FindCredential(`{"key":"` + plain + `"}`); got != plain {
			t.Errorf("got %s, want %s", credential.NewSecret(got), credential.NewSecret(plain))
		}
	}
	if got := capture.FindCredential(key.Mask() + " " + access.Mask() + " sk-example-key"); got != "" {
		t.Errorf("got %s, want nothing", credential.NewSecret(got))
	}
}

// TestNormalize checks that outputs with different credentials become equal.
func TestNormalize(t *testing.T) {
	key, access := credential.NewKey(1, 2), credential.NewAccessToken(1, 0)
	text := key.Reveal() + " " + key.Mask() + " " + access.Reveal() + " " + access.Mask() + " sk-example-key"
	if got, want := capture.Normalize(text), "sk-(key) sk-(mask) at-(access token) at-(mask) sk-example-key"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
