package credential_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// pattern says as a regular expression what looks like a credential. Group 1 is
// what precedes it.
var pattern = regexp.MustCompile(`((?:^|[^0-9A-Za-z])|%[0-9a-fA-F]{2}|\\[bfnrt]|\\u[0-9a-fA-F]{4})(?:[sS][kK]-[0-9A-Za-z_-]{8,}|[aA][tT]-[0-9A-Za-z]{8,})` +
	`|(?:[sS][kK]|[aA][tT])-[0-9A-Za-z]{24}[0-9A-Za-z_-]*` +
	`|[wW][hH][sS][eE][cC]_[0-9A-Za-z+/]{8,}=*`)

// FindAll and Redact find what the pattern matches, in any text.
func TestFindAllAsPattern(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{
		"sk-", "at-", "SK-", "aT-", "s", "k", "a", "t", "-", "_", "*", " ", "\n", `\`, `\n`, `\u`, `\u003c`, "%", "%2", "%20", "é", "ſ", "K", "\xff", "9",
		"abcdefg", "abcdefgh", "ABCDEFGHIJKLMNOPQRSTUVW", "abcdefghijklmnopqrstuvwx", "proj-1234",
		"whsec_", "wHsEc_", "ab+/efgh", "=",
	})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(rt, "pieces"), "")
		var want []string
		redacted := pattern.ReplaceAllStringFunc(text, func(match string) string {
			before := pattern.FindStringSubmatch(match)[1]
			want = append(want, match[len(before):])
			prefix := 3
			if strings.EqualFold(match[len(before):][:min(6, len(match)-len(before))], "whsec_") {
				prefix = 6
			}
			return match[:len(before)+prefix] + hidden
		})
		if got := credential.FindAll(text, 0); !slices.Equal(got, want) {
			rt.Fatalf("FindAll(%q): got %q, want %q", text, got, want)
		}
		if got := credential.Redact(text); got != redacted {
			rt.Fatalf("Redact(%q): got %q, want %q", text, got, redacted)
		}
	})
}
