package token

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// MaxKeyword is how many characters a keyword may have: as many as a name.
const MaxKeywordLength = MaxNameLength

// A Query says which tokens are searched for. Its zero value is all of them.
type Query struct {
	Keyword string // a part of the name, in any case; "" is not asked about
	Key     string // a mask, or the last four characters of a key; "" is not asked about
	Status  Status // 0 is not asked about
	Group   string // the whole group; "" is not asked about
}

// wholeKeyLength is the number of characters after the prefix from which a
// keyword counts as a whole key. Keys of the API family have 48.
const wholeKeyLength = 32

// What may be said of a key: a mask without its prefix, and its last four
// characters.
var (
	maskForm = regexp.MustCompile(`^[0-9A-Za-z]{4}\*{10}[0-9A-Za-z]{4}$`)
	lastForm = regexp.MustCompile(`^[0-9A-Za-z]{4}$`)
)

// Normalize checks every field and returns the query in canonical form, for
// Matches. Its error is an *InvalidError, which quotes nothing: what a caller
// looks for may be a secret.
func (q Query) Normalize() (Query, error) {
	var err error
	if credential.Find(q.Keyword, wholeKeyLength) != "" {
		return q, errWholeKey("keyword")
	}
	if q.Keyword, err = CheckText("keyword", q.Keyword, 0, MaxKeywordLength); err != nil {
		return q, err
	}
	q.Keyword = fold(q.Keyword)
	if q.Key, err = cleanKey(q.Key); err != nil {
		return q, err
	}
	if q.Status < 0 || q.Status > Exhausted {
		return q, invalid("status", "must be 1 enabled, 2 disabled, 3 expired or 4 exhausted")
	}
	q.Group, err = CheckText("group", q.Group, 0, MaxGroupLength)
	return q, err
}

// cleanKey makes of what is said of a key the mask, or the last four
// characters.
func cleanKey(s string) (string, error) {
	s = strings.TrimSpace(s)
	rest := strings.TrimPrefix(s, credential.KeyPrefix)
	switch {
	case s == "" || lastForm.MatchString(s):
		return s, nil
	case maskForm.MatchString(rest):
		return credential.KeyPrefix + rest, nil
	case len(rest) > 4:
		return "", errWholeKey("token")
	default:
		return "", invalid("token", "must be a mask as it is listed, or the last four characters of a key")
	}
}

func errWholeKey(field string) error {
	return invalid(field, "must not be a whole key, because query strings end up in logs. Search for its mask or its last four characters instead")
}

// Matches reports whether a normalized query finds a token at a second.
func (q Query) Matches(t Token, now int64) bool {
	return strings.Contains(fold(t.Name), q.Keyword) &&
		(strings.HasSuffix(t.Mask, q.Key) || now < t.PreviousUntil && strings.HasSuffix(t.PreviousMask, q.Key)) &&
		(q.Status == 0 || q.Status == t.StatusAt(now)) &&
		(q.Group == "" || q.Group == t.Group)
}

// fold makes one of texts that differ in case alone, by Unicode's simple case
// folding: a character stays one character, so ß is not ss.
func fold(s string) string { return strings.Map(foldRune, s) }

// foldRune is the smallest character of those that are equal but for case.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r) // the next larger one, and after the largest the smallest
		if next <= r {
			return next
		}
		r = next
	}
}
