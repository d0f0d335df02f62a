package token

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// MaxKeywordLength is the largest length of Query.Keyword, in characters. It
// is that of a name.
const MaxKeywordLength = MaxNameLength

// A Query says which tokens a search finds. The zero Query finds all tokens; a
// zero field matches any token.
type Query struct {
	Keyword string // part of the name, in upper or lower case
	Key     string // a key's mask, or a part of it such as the last four characters
	Status  Status
	Group   string // the whole group
}

// wholeKeyLength is the number of characters after the prefix from which a
// text counts as a whole key. Keys of New API have 48.
const wholeKeyLength = 32

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
	return slices.ContainsFunc(credential.FindAll(s, wholeKeyLength), hasLongRun)
}

// hasLongRun reports whether s has wholeKeyLength letters and digits in a row.
func hasLongRun(s string) bool {
	runs := strings.FieldsFunc(s, func(r rune) bool { return !strings.ContainsRune(alphanumerics, r) })
	return slices.ContainsFunc(runs, func(run string) bool { return len(run) >= wholeKeyLength })
}

// isPartOfMask reports whether s is what lists show of a key, without sk-, or a part
// of that, with any number of stars.
func isPartOfMask(s string) bool {
	const shown = 4
	head, tail, _ := strings.Cut(s, "*")
	tail = strings.TrimLeft(tail, "*")
	return len(head) <= shown && len(tail) <= shown && strings.Trim(head+tail, alphanumerics) == ""
}

// normalizeKey returns a part of a mask without its prefix. It refuses anything
// else.
func normalizeKey(s string) (string, error) {
	rest := strings.TrimPrefix(strings.TrimSpace(s), credential.KeyPrefix)
	switch {
	case isPartOfMask(rest):
		return rest, nil
	case hasLongRun(rest):
		return "", errWholeKey("token")
	default:
		return "", invalid("token", "must be a key as lists show it, or up to four of its first or last characters")
	}
}

func errWholeKey(field string) error {
	return invalid(field, "must not be a whole key, because query strings end up in logs. Search for its mask or its last four characters instead")
}

// Matches reports whether a normalized query finds a token at a Unix second.
func (q Query) Matches(t Token, now int64) bool {
	return containsFolded(t.Name, q.Keyword) &&
		(isPartOf(q.Key, t.Mask) || now < t.PreviousUntil && isPartOf(q.Key, t.PreviousMask)) &&
		(q.Status == 0 || q.Status == t.StatusAt(now)) &&
		(q.Group == "" || q.Group == t.Group)
}

// isPartOf reports whether a mask has a part that normalizeKey returned.
func isPartOf(part, mask string) bool {
	shown := strings.TrimPrefix(mask, credential.KeyPrefix)
	head, tail, both := strings.Cut(part, "*")
	if !both {
		return strings.Contains(shown, part)
	}
	return strings.HasPrefix(shown, head) && strings.HasSuffix(shown, strings.TrimLeft(tail, "*"))
}

// containsFolded reports whether a text contains a folded one. It runs for every token
// that a search compares, so it allocates nothing for a name.
func containsFolded(s, folded string) bool {
	if folded == "" {
		return true
	}
	var space [utf8.UTFMax * MaxNameLength]byte
	all := space[:0]
	for _, r := range s {
		all = utf8.AppendRune(all, foldRune(r))
	}
	return bytes.Contains(all, []byte(folded))
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
