package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/token"
)

// An entry with "*" at its end allows the names that begin with the rest; any
// other entry allows one name. A "*" in a name that is asked for is literal.
func TestAllowsModel(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		models []string
		yes    string
		no     string
	}{
		{[]string{"gpt-5"}, "gpt-5", "gpt-5* gpt-5-mini gpt- gpt-4 GPT-5 *"},
		{[]string{"gpt-5*"}, "gpt-5 gpt-5* gpt-5-mini gpt-5* gpt-50 gpt-5**", "gpt- gpt-4 gpt-4o GPT-5 gp * gpt* xgpt-5"},
		{[]string{"*"}, "gpt-5 * a é gpt-*", ""},
		{[]string{"o1", "gpt-4*", "claude-*"}, "o1 gpt-4 gpt-4o claude-", "o1-mini o claude gpt-5 * gpt-*"},
		{[]string{"modèle*"}, "modèle modèle-2", "modele modèl mod"},
		{nil, "", "gpt-5 *"},
	} {
		limited := token.Token{ModelLimitsEnabled: true, Models: row.models}
		for name := range strings.FieldsSeq(row.yes) {
			if !limited.AllowsModel(name) {
				t.Errorf("%v refuses %s", row.models, name)
			}
		}
		for name := range strings.FieldsSeq(row.no) {
			if limited.AllowsModel(name) {
				t.Errorf("%v allows %s", row.models, name)
			}
			if off := (token.Token{Models: row.models}); !off.AllowsModel(name) {
				t.Errorf("%v refuses %s although model limits are off", row.models, name)
			}
		}
	}
}

// For any entry and any name, an entry without "*" allows itself alone, and an
// entry with "*" allows exactly the names with its beginning.
func TestAllowsModelOfAnyName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		entry, name := rapid.StringMatching(`[aé-]{0,4}\*?`).Draw(rt, "entry"), rapid.StringMatching(`[aé*-]{1,5}`).Draw(rt, "name")
		want := name == entry
		if strings.HasSuffix(entry, "*") {
			n := len(entry) - 1
			want = len(name) >= n && name[:n] == entry[:n]
		}
		if got := (token.Token{ModelLimitsEnabled: true, Models: []string{entry}}).AllowsModel(name); got != want {
			rt.Errorf("%q allows %q: got %t, want %t", entry, name, got, want)
		}
	})
}

// Models are normalized, or refused with a reason that says what to do.
func TestNormalizeModels(t *testing.T) {
	t.Parallel()
	long := func(n int) (names []string) { // n names of 256 bytes
		for i := range n {
			names = append(names, fmt.Sprintf("%0256d", i))
		}
		return names
	}
	const star = `may have "*" only once, at the end of a name, as in gpt-5*: it stands for any characters there, and alone for any model`
	for name, row := range map[string]struct {
		in, want []string
		reason   string
	}{
		"patterns":         {[]string{" gpt-5* ", "*", "gpt-5*", "gpt-5"}, []string{"gpt-5*", "*", "gpt-5"}, ""},
		"longest_ASCII":    {long(1), long(1), ""},
		"longest_pattern":  {[]string{strings.Repeat("é", 255) + "*"}, []string{strings.Repeat("é", 255) + "*"}, ""},
		"too_long":         {[]string{strings.Repeat("m", 256) + "*"}, nil, "must be names of 1 to 256 characters without control characters, beginning with a visible one"},
		"4096_bytes":       {long(16), long(16), ""},
		"4096_repeated":    {append(long(16), long(16)...), long(16), ""},
		"4097_bytes":       {append(long(16), "m"), nil, "must have at most 4096 bytes in all names together, not 4097: send fewer names, or a pattern such as gpt-5* for several"},
		"star_within":      {[]string{"gpt-*-mini"}, nil, star},
		"star_first":       {[]string{"*-mini"}, nil, star},
		"two_stars":        {[]string{"gpt-5**"}, nil, star},
		"only_two_stars":   {[]string{"**"}, nil, star},
		"star_after_comma": {[]string{"a,*"}, nil, "must be names without commas: send each name as a separate element"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := token.Settings{Models: row.in}.Normalize()
			if row.reason != "" {
				var bad *token.InvalidError
				if !errors.As(err, &bad) || bad.Field != "models" || bad.Reason != row.reason {
					t.Errorf("got error %v, want models %s", err, row.reason)
				}
				return
			}
			if diff := cmp.Diff(row.want, got.Models); err != nil || diff != "" {
				t.Errorf("got error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}
