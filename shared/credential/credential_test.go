package credential_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// TestKeyRoundTrip checks that a key parses to its user and token ids.
func TestKeyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		userID := rapid.Int64Range(1, 1<<40-1).Draw(t, "user")
		id := rapid.Int64Range(1, 1<<48-1).Draw(t, "token")
		key := credential.NewKey(userID, id)
		parsed, err := credential.ParseKey(key.Reveal())
		if err != nil || parsed.UserID != userID || parsed.TokenID != id || parsed.Hash() != key.Hash() {
			t.Fatalf("parse: got %d/%d, %v; want %d/%d", parsed.UserID, parsed.TokenID, err, userID, id)
		}
		if len(key.Reveal()) != credential.KeyLength || !strings.HasPrefix(key.Reveal(), "sk-") {
			t.Fatalf("a key of %d characters, want %d with sk-", len(key.Reveal()), credential.KeyLength)
		}
	})
}

// TestAccessTokenRoundTrip checks that an access token parses to its user id
// and slot.
func TestAccessTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		userID := rapid.Int64Range(1, 1<<40-1).Draw(t, "user")
		slot := rapid.IntRange(0, math.MaxUint8).Draw(t, "slot")
		at := credential.NewAccessToken(userID, slot)
		parsed, err := credential.ParseAccessToken(at.Reveal())
		if err != nil || parsed.UserID != userID || parsed.Slot != slot || parsed.Hash() != at.Hash() {
			t.Fatalf("parse: got %d/%d, %v; want %d/%d", parsed.UserID, parsed.Slot, err, userID, slot)
		}
		if len(at.Reveal()) != credential.AccessTokenLength || !strings.HasPrefix(at.Reveal(), "at-") {
			t.Fatalf("an access token of %d characters, want %d with at-", len(at.Reveal()), credential.AccessTokenLength)
		}
	})
}

// TestParseKeyRefusesTypos checks that one wrong character at any place is found
// without reading the store.
func TestParseKeyRefusesTypos(t *testing.T) {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_+ é"
	key := credential.NewKey(7, 42).Reveal()
	for at := range key {
		for _, wrong := range alphabet {
			typo := key[:at] + string(wrong) + key[at+1:]
			if parsed, err := credential.ParseKey(typo); typo != key && !errors.Is(err, credential.ErrMalformed) {
				t.Fatalf("parse of a typo at %d: got %d/%d, %v; want ErrMalformed", at, parsed.UserID, parsed.TokenID, err)
			}
		}
	}
}

// TestParseRefusesOtherKinds checks that a key is not accepted as an access
// token, nor the other way round, nor anything that resembles either.
func TestParseRefusesOtherKinds(t *testing.T) {
	key, at := credential.NewKey(1, 1).Reveal(), credential.NewAccessToken(1, 1).Reveal()
	for _, s := range []string{"", "sk-", "at-", at, "sk-" + at[3:], strings.ToUpper(key), " " + key, key + " ", key[3:], "sk-" + strings.Repeat("Z", 54), "sk-" + strings.Repeat("0", 54)} {
		if _, err := credential.ParseKey(s); !errors.Is(err, credential.ErrMalformed) {
			t.Errorf("ParseKey of a text of %d characters: got %v, want ErrMalformed", len(s), err)
		}
	}
	for _, s := range []string{"", key, "at-" + key[3:], at[3:], "at-" + strings.Repeat("Z", 48)} {
		if _, err := credential.ParseAccessToken(s); !errors.Is(err, credential.ErrMalformed) {
			t.Errorf("ParseAccessToken of a text of %d characters: got %v, want ErrMalformed", len(s), err)
		}
	}
}

// TestMasksAreDistinct checks that 1,000 keys have 1,000 masks.
func TestMasksAreDistinct(t *testing.T) {
	const keys = 1000
	seen := map[string]bool{}
	for i := range int64(keys) {
		seen[credential.NewKey(1, i+1).Mask()] = true
	}
	if len(seen) != keys {
		t.Errorf("%d keys have %d masks, want as many", keys, len(seen))
	}
}

// TestSecretPrintsItsMask checks that fmt, slog, JSON and XML print the mask
// of a secret and never its text.
func TestSecretPrintsItsMask(t *testing.T) {
	key := credential.NewKey(3, 4)
	type holder struct {
		Key    credential.Key
		Secret credential.Secret
		List   []credential.Secret
		Any    any
		hidden credential.Secret
	}
	h := holder{key, key.Secret, []credential.Secret{key.Secret}, key, key.Secret}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3v", "%U", "%t", "%p"} {
		fmt.Fprintf(&printed, verb, key.Secret)
		fmt.Fprintf(&printed, verb, key)
		fmt.Fprintf(&printed, verb, &key)
		fmt.Fprintf(&printed, verb, h.List)
		fmt.Fprintf(&printed, verb, h)
		fmt.Fprintf(&printed, verb, &h)
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&printed, nil), slog.NewTextHandler(&printed, nil)} {
		slog.New(handler).Info("x", "key", key, "secret", key.Secret, "pointer", &key)
	}
	fmt.Fprintln(&printed, fmt.Errorf("with %v", key), key.String(), key.GoString())
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		for _, v := range []any{key.Secret, h.List, map[string]any{"k": key.Secret}["k"]} {
			b, err := marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			printed.Write(b)
		}
	}
	mapped, err := json.Marshal(map[string]any{"h": h, "k": key})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(mapped)
	if plain := key.Reveal(); strings.Contains(printed.String(), plain[8:40]) {
		t.Error("a printed secret shows its plaintext")
	}
	if !strings.Contains(printed.String(), key.Mask()) {
		t.Error("no mask was printed: the test prints nothing")
	}
	if got := credential.NewSecret("short").Mask(); got != "**********" {
		t.Errorf("the mask of a short secret is %s, want stars alone", got)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(credential.NewKey(1, 1).Reveal())
	f.Add(credential.NewKey(1<<40-1, 1<<48-1).Reveal())
	f.Add("sk-" + strings.Repeat("z", 54))
	f.Add("at-")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := credential.ParseKey(s)
		if err != nil {
			if !errors.Is(err, credential.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			return
		}
		if key.Reveal() != s || key.UserID < 0 || key.UserID >= 1<<40 || key.TokenID < 0 || key.TokenID >= 1<<48 {
			t.Errorf("accepted a key whose address is %d/%d", key.UserID, key.TokenID)
		}
	})
}

func FuzzParseAccessToken(f *testing.F) {
	f.Add(credential.NewAccessToken(1, 0).Reveal())
	f.Add(credential.NewAccessToken(1<<40-1, 255).Reveal())
	f.Add("at-" + strings.Repeat("z", 48))
	f.Add("sk-")
	f.Fuzz(func(t *testing.T, s string) {
		at, err := credential.ParseAccessToken(s)
		if err != nil {
			if !errors.Is(err, credential.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			return
		}
		if at.Reveal() != s || at.UserID < 0 || at.UserID >= 1<<40 || at.Slot < 0 || at.Slot > 255 {
			t.Errorf("accepted an access token whose address is %d/%d", at.UserID, at.Slot)
		}
	})
}
