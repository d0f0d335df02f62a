package capture_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// TestSecrets checks which forms of a key and of a webhook's secret are found, and that a
// mask and another secret are not.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const key, bare = "sk-0123456789abcdefGHIJ", "0123456789abcdefGHIJ"
	signs := []byte("the bytes that sign a webhook")
	hook := "whsec_" + base64.StdEncoding.EncodeToString(signs)
	secrets := capture.Secrets{"key": key, "webhook": hook}
	hash := sha256.Sum256([]byte(key))
	for text, want := range map[string]capture.Leak{
		"x" + key + "y":                 {Secret: "key", Form: "as it is"},
		bare:                            {Secret: "key", Form: "without its prefix"},
		strings.ToUpper(bare):           {Secret: "key", Form: "in upper case"},
		hex.EncodeToString([]byte(key)): {Secret: "key", Form: "in hex"},
		string(hash[:]):                 {Secret: "key", Form: "hash", Hash: true},
		hex.EncodeToString(hash[:]):     {Secret: "key", Form: "hash in hex", Hash: true},
		"signed with " + string(signs):  {Secret: "webhook", Form: capture.KeyForm},
		"x" + hook[:36] + "…":           {Secret: "webhook", Form: "its beginning"},
		"%22" + hook:                    {Secret: "webhook", Form: "as it is"},
	} {
		if got := secrets.Find(text); !slices.Contains(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	if got := secrets.Find("sk-0123**********GHIJ and sk-1123456789abcdefGHIJ"); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	if got := (capture.Secrets{"short": "sk-123"}).Find("anything"); got == nil {
		t.Error("a secret that is too short to be looked for is not reported")
	}
}
