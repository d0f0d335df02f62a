package token

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// MaxKeywordLength is the largest length of Query.Keyword, in characters. It
// is that of a name.
const MaxKeywordLength = MaxNameLength

// A Query says which tokens a search finds. The zero Query finds all tokens; a
// zero field matches any token.
type Query struct {
	Keyword string // part of the name, in upper or lower case
	Key     string // a key's mask, or its last four characters
	Status  Status
	Group   string // the whole group
}

// wholeKeyLength is the number of characters after the prefix from which a
// keyword counts as a whole key. Keys of New API have 48.
const wholeKeyLength = 32

var (
	maskWithoutPrefix  = regexp.MustCompile(`^[0-9A-Za-z]{4}\*{10}[0-9A-Za-z]{4}$`)
	lastFourCharacters = regexp.MustCompile(`^[0-9A-Za-z]{4}$`)
)

// Normalize checks every field and returns the query in the form that Matches
// needs. The error is an *InvalidError; it does not quote the input, which may
// be a secret.
func (q Query) Normalize() (Query, error) {
	var err error
	if hasWholeKey(q.Keyword) {
		return q, errWholeKey("keyword")
	}
	if q.Keyword, err = CheckText("keyword", q.Keyword, 0, MaxKeywordLength); err != nil {
		return q, err
	}
	q.Keyword = foldCase(q.Keyword)
	if q.Key, err = normalizeKey(q.Key); err != nil {
		return q, err
	}
	if q.Status < 0 || q.Status > Exhausted {
		return q, invalid("status", "must be 1 (enabled), 2 (disabled), 3 (expired) or 4 (exhausted)")
	}
	q.Group, err = CheckText("group", q.Group, 0, MaxGroupLength)
	return q, err
}

// hasWholeKey reports whether s has a credential with a run of wholeKeyLength
// letters and digits. A name such as data-at-rest-encryption-production has no
// such run.
func hasWholeKey(s string) bool {
	return slices.ContainsFunc(credential.FindAll(s, wholeKeyLength), longRun.MatchString)
}

var longRun = regexp.MustCompile(fmt.Sprintf(`[0-9A-Za-z]{%d}`, wholeKeyLength))

// normalizeKey returns a mask with its prefix, or the last four characters of a
// key. It refuses anything else.
func normalizeKey(s string) (string, error) {
	s = strings.TrimSpace(s)
	rest := strings.TrimPrefix(s, credential.KeyPrefix)
	switch {
	case s == "" || lastFourCharacters.MatchString(s):
		return s, nil
	case maskWithoutPrefix.MatchString(rest):
		return credential.KeyPrefix + rest, nil
	case len(rest) > 4:
		return "", errWholeKey("token")
	default:
		return "", invalid("token", "must be a mask as lists show it, or the last four characters of a key")
	}
}

func errWholeKey(field string) error {
	return invalid(field, "must not be a whole key, because query strings end up in logs. Search for its mask or its last four characters instead")
}

// Matches reports whether a normalized query finds a token at a Unix second.
func (q Query) Matches(t Token, now int64) bool {
	return strings.Contains(foldCase(t.Name), q.Keyword) &&
		(strings.HasSuffix(t.Mask, q.Key) || now < t.PreviousUntil && strings.HasSuffix(t.PreviousMask, q.Key)) &&
		(q.Status == 0 || q.Status == t.StatusAt(now)) &&
		(q.Group == "" || q.Group == t.Group)
}

// foldCase maps texts that differ only in case to the same text. It uses
// Unicode's simple case folding, which keeps the number of characters: ß is
// not ss.
func foldCase(s string) string { return strings.Map(foldRune, s) }

// foldRune returns the smallest of the characters that differ from r only in
// case.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r) // the next larger one; from the largest, the smallest
		if next <= r {
			return next
		}
		r = next
	}
}
