package api_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/api"
)

// A tag, and a list of them, in which elements may be empty, as regular expressions.
var (
	tagPattern  = regexp.MustCompile(`(W/)?"[\x21\x23-\x7e]*"`)
	listPattern = regexp.MustCompile(`^[\s,]*` + tagPattern.String() + `(\s*,[\s,]*` + tagPattern.String() + `)*[\s,]*$`)
)

// The tags of If-Match are those that the patterns find.
func TestEntityTags(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{`"`, `"3"`, `W/"3"`, `W/`, "W", `""`, ",", ", ", " ", "\t", "3", "*", "a b", "é", "\x7f", `\`})
	rapid.Check(t, func(rt *rapid.T) {
		list := strings.Join(rapid.SliceOfN(piece, 0, 9).Draw(rt, "pieces"), "")
		var want []string
		if listPattern.MatchString(list) {
			want = tagPattern.FindAllString(list, -1)
		}
		if got := api.EntityTags(list); !slices.Equal(got, want) {
			rt.Fatalf("%q: got %q, want %q", list, got, want)
		}
	})
}
