package scannertest_test

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
)

func document(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "docs", name)) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// formats returns the regular expressions of a key and of an access token, as
// docs/leaked-keys.md has them for GitHub.
func formats(t testing.TB) (key, accessToken string) {
	t.Helper()
	found := regexp.MustCompile("(?m)^\\| Secret format \\| `(.*)` \\| `(.*)` \\|$").FindStringSubmatch(document(t, "leaked-keys.md"))
	if found == nil {
		t.Fatal("docs/leaked-keys.md has no secret formats")
	}
	return found[1], found[2]
}

// The tables for people and the rules of gitleaks have the same regular expressions.
func TestDocumentsAgree(t *testing.T) {
	key, accessToken := formats(t)
	for _, format := range []string{key, accessToken} {
		if n := strings.Count(document(t, "leaked-keys.md"), "`"+format+"`"); n != 2 {
			t.Errorf("docs/leaked-keys.md has %s %d times, want twice", format, n)
		}
		if rule := "regex = '''(" + format + ")(?:[^0-9A-Za-z]|$)'''\n"; !strings.Contains(document(t, "gitleaks.toml"), rule) {
			t.Errorf("docs/gitleaks.toml has no %s", rule)
		}
	}
}

// found returns what a format finds in a text, as GitHub does with what it requires
// before and after a secret.
func found(format, text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?:\A|[^0-9A-Za-z])(`+format+`)(?:\z|[^0-9A-Za-z])`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// entropy returns the bits for each character of a text, as gitleaks counts them.
func entropy(text string) (bits float64) {
	for _, c := range "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-" {
		if share := float64(strings.Count(text, string(c))) / float64(len(text)); share > 0 {
			bits -= share * math.Log2(share)
		}
	}
	return bits
}

// Every key and every access token is found, whole, between any two characters that
// can't be a part of it, and is random enough for gitleaks. Neither is found as the
// other.
func TestEverySecretMatches(t *testing.T) {
	keyFormat, accessFormat := formats(t)
	rapid.Check(t, func(rt *rapid.T) {
		user := rapid.Int64Range(1, 1<<40-1).Draw(rt, "user")
		key := credential.NewKey(user, rapid.Int64Range(1, 1<<48-1).Draw(rt, "token")).Reveal()
		accessToken := credential.NewAccessToken(user, rapid.IntRange(0, 255).Draw(rt, "slot")).Reveal()
		around := rapid.SampledFrom([]string{"", " ", "\n", "\"", "'", "=", "_", "-", "/", ":", ",", ")", "…"})
		for secret, format := range map[string][2]string{key: {keyFormat, accessFormat}, accessToken: {accessFormat, keyFormat}} {
			text := around.Draw(rt, "before") + secret + around.Draw(rt, "after")
			if got := found(format[0], text); len(got) != 1 || got[0] != secret || len(found(format[1], text)) != 0 {
				rt.Errorf("found %d secrets in %s, want it alone", len(got), credential.Redact(text))
			}
			if bits := entropy(secret); bits < 4.2 { // with some distance from the limit of the rules
				rt.Errorf("%s has %.2f bits for each character", credential.Redact(secret), bits)
			}
		}
	})
}

// What only resembles a secret is not found: masks, other lengths, other systems,
// and the same characters inside of a longer word. Of random texts of the length of a
// key, about 1 in 600 begins like one.
func TestOtherTextsDoNotMatch(t *testing.T) {
	keyFormat, accessFormat := formats(t)
	key, accessToken := credential.NewKey(7, 42).Reveal(), credential.NewAccessToken(7, 0).Reveal()
	for _, text := range append(resemblances(key, accessToken), key+"0", accessToken+"Z", "x"+key, "9"+accessToken) {
		if got := append(found(keyFormat, text), found(accessFormat, text)...); len(got) != 0 {
			t.Errorf("%s is found as %s", credential.Redact(text), credential.Redact(got[0]))
		}
	}
	const texts = 100_000
	matching := 0
	random := rapid.StringMatching(`sk-[0-9A-Za-z]{54}`)
	for seed := range texts {
		if text := random.Example(seed); len(found(keyFormat, text)) > 0 {
			matching++
			if _, err := credential.ParseKey(text); err == nil {
				t.Errorf("a random text passes as a key: %s", credential.Redact(text))
			}
		}
	}
	if matching > texts/100 {
		t.Errorf("%d of %d random texts begin like a key, want fewer than 1 in 100", matching, texts)
	}
}

// resemblances returns texts that resemble a key and an access token and are neither.
func resemblances(key, accessToken string) []string {
	return []string{
		credential.NewSecret(key).Mask(), credential.NewSecret(accessToken).Mask(), credential.MaskedKey("sk-", key),
		key[:len(key)-1], accessToken[:len(accessToken)-1], key[3:], strings.ToUpper(key), strings.ToLower(key[:6]) + key[6:56],
		"sk-h" + key[4:], "sk-gA" + key[5:], "at-0T" + accessToken[5:], "at-" + key[3:], "sk-" + accessToken[3:],
		"sk-proj-" + key[5:53] + "T3BlbkFJ", "sk-ant-api03-" + key[4:] + "AA", "sk-or-v1-" + strings.Repeat("0123456789abcdef", 4),
		key[:20] + "-" + key[20:], key[:20] + "_" + key[21:], key[:30] + " " + key[30:], "sk-…", "sk-KEY", "at-ACCESS-TOKEN",
	}
}
