package api_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The document's patterns of texts match exactly the texts that the API accepts. They
// are in the part of regular expressions that Go, Python and ECMAScript have in common,
// so characters above 255 stand for themselves: no escape of them is common to all.
// Those above U+FFFF can't be excluded in that part: ECMAScript without the flag u,
// which Swagger UI and many generated clients use, reads two characters. So the API
// alone refuses a text that begins with an invisible one of them, such as a tag.
func TestOpenAPIPatterns(t *testing.T) {
	settings := func(set func(*token.Settings, string)) func(string) bool {
		return func(s string) bool {
			var in token.Settings
			set(&in, s)
			_, err := in.Normalize()
			return err == nil
		}
	}
	query := func(set func(*token.Query, string)) func(string) bool {
		return func(s string) bool {
			var in token.Query
			set(&in, s)
			_, err := in.Normalize()
			return err == nil
		}
	}
	property := func(schema string, keys ...string) []string {
		return append([]string{"components", "schemas", schema, "properties"}, keys...)
	}
	search := func(parameter string) []string {
		return []string{"paths", "/api/token/search", "get", "parameters", parameter, "schema"}
	}
	name := settings(func(in *token.Settings, s string) { in.Name = &s })
	group := settings(func(in *token.Settings, s string) { in.Group = &s })
	models := settings(func(in *token.Settings, s string) { in.Models = []string{s} })
	modelQuota := settings(func(in *token.Settings, s string) { in.ModelQuotas = []token.ModelQuota{{Model: s}} })
	model := func(s string) bool { return quota.CheckModel(s) == nil }
	for _, row := range []struct {
		place   []string
		longest int
		accepts func(string) bool
	}{
		{property("TokenInput", "name"), token.MaxNameLength, name},
		{property("UpdateInput", "name", "oneOf", "0"), token.MaxNameLength, name},
		{property("TokenInput", "group", "oneOf", "0"), token.MaxGroupLength, group},
		{property("UpdateInput", "group", "oneOf", "0"), token.MaxGroupLength, group},
		{property("TokenInput", "models", "oneOf", "0", "items"), token.MaxModelNameLength, models},
		{property("TokenInput", "model_limits", "oneOf", "0", "items"), token.MaxModelNameLength, models},
		{property("UpdateInput", "models", "oneOf", "0", "items"), token.MaxModelNameLength, models},
		{property("UpdateInput", "model_limits", "oneOf", "0", "items"), token.MaxModelNameLength, models},
		{property("ModelQuotaInput", "model"), token.MaxModelNameLength, modelQuota},
		{property("VerifyInput", "model", "oneOf", "0"), token.MaxModelNameLength, model},
		{property("ReserveInput", "model", "oneOf", "0"), token.MaxModelNameLength, model},
		{property("SettlementInput", "model", "oneOf", "0"), token.MaxModelNameLength, model},
		{search("0"), token.MaxKeywordLength, query(func(in *token.Query, s string) { in.Keyword = s })},
		{search("3"), token.MaxGroupLength, query(func(in *token.Query, s string) { in.Group = s })},
	} {
		t.Run(strings.Join(row.place[2:], "/"), func(t *testing.T) {
			pattern := patternAt(t, row.place...)
			for _, s := range texts(row.longest) {
				if got, want := pattern.MatchString(s), row.accepts(s); got != want {
					t.Errorf("%q matches: %t, and the API accepts it: %t", s, got, want)
				}
			}
		})
	}
}

// The pattern of several names in one string excludes only what no name can have
// around it.
func TestOpenAPIListPattern(t *testing.T) {
	for _, place := range []string{"models", "model_limits"} {
		pattern := patternAt(t, "components", "schemas", "TokenInput", "properties", place, "oneOf", "1")
		for _, r := range special() {
			s := string(r) + "m"
			_, before := token.CheckText("models", s, 1, 2)
			_, within := token.CheckText("models", "m"+s, 1, 3)
			if pattern.MatchString(s) != (before == nil || within == nil) {
				t.Errorf("%q matches: %t, and the API answers %v before a letter, %v within", s, pattern.MatchString(s), before, within)
			}
		}
	}
}

// special returns every character up to U+FFFF that a rule may treat in its own way:
// all below U+3200, and those in the last rows.
func special() []rune {
	var all []rune
	for r := range rune(0x10000) {
		if r < 0x3200 || r >= 0xFE00 {
			all = append(all, r)
		}
	}
	return all
}

func patternAt(t *testing.T, keys ...string) *regexp.Regexp {
	t.Helper()
	text, _ := object(t, keys...)["pattern"].(string)
	pattern, err := regexp.Compile(text)
	if err != nil || text == "" {
		t.Fatalf("the pattern is %q: %v", text, err)
	}
	return pattern
}

// texts returns texts with every character that a rule may treat in its own way, at
// each place, and of lengths around the limit.
func texts(longest int) []string {
	all := []string{"", " ", "*", "**", "m*", "m *", "*m", "m,n"}
	for _, r := range special() {
		all = append(all, string(r), string(r)+"m", "m"+string(r), "m"+string(r)+"m")
	}
	for _, n := range []int{longest - 1, longest, longest + 1} {
		s := strings.Repeat("ü", n)
		all = append(all, s, "\u3000\n"+s+"\u2028\t", s[2:]+"*", s+"*")
	}
	return append(all, "\U0001F511", "m\U0001F511m")
}
