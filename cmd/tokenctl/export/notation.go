package export

import (
	"errors"
	"slices"
	"strings"
)

// isNoValue reports whether a text is how some program writes that there is no
// value: databases, spreadsheets, Go, Python and JavaScript.
func isNoValue(s string) bool {
	s = strings.TrimSpace(s)
	return slices.ContainsFunc([]string{"NULL", "[NULL]", "<NULL>", "(NULL)", "NaN", "nil", "<nil>"}, func(word string) bool { return strings.EqualFold(word, s) }) ||
		slices.Contains([]string{`\N`, "None", "undefined"}, s)
}

// isEmpty reports whether a value restricts nothing because it is none, an empty
// text, an empty list or an empty object, also as JSON in a text.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return slices.Contains([]string{"", "[]", "{}"}, strings.ReplaceAll(strings.TrimSpace(v), " ", ""))
	case []any:
		return len(v) == 0
	case *object:
		return len(v.fields) == 0
	default:
		return false
	}
}

var errNotation = errors.New(`is in a notation that is not read: write it as a JSON list such as ["a","b"]`)

// elements returns the elements of a list, of a list written as JSON, as Postgres
// or as Python in a text, or of a text split at separators. Without separators a
// text is one name. The error continues a sentence that begins with the column.
func elements(v any, separators string) ([]string, error) {
	if list, ok := v.([]any); ok {
		return names(list)
	}
	s, ok := v.(string)
	s = strings.TrimSpace(s)
	switch {
	case !ok:
		return nil, errors.New("must be a list, or text")
	case isNoValue(s):
		return nil, errWord
	case strings.HasPrefix(s, "["):
		if list, ok := parseJSON(s); ok {
			l, _ := list.([]any) // it begins with a bracket
			return names(l)
		}
		return quotedList(s, "[", "]", `'"`)
	case strings.HasPrefix(s, "{"):
		return quotedList(s, "{", "}", `"`)
	case strings.ContainsAny(s, "\"'\\(<"), strings.HasPrefix(s, "map["), strings.HasPrefix(s, "ARRAY["):
		return nil, errNotation
	case separators == "" && strings.ContainsAny(s, ",;| \t\n"):
		return nil, errNotation
	}
	var list []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("has separators and no element: leave it empty if it restricts nothing")
	}
	return list, nil
}

// names returns the elements of a list of texts. An empty one would be lost, and
// with it perhaps the only restriction.
func names(list []any) ([]string, error) {
	var all []string
	for _, e := range list {
		s, ok := e.(string)
		if s = strings.TrimSpace(s); !ok || s == "" {
			return nil, errors.New("must be a list of strings that are not empty")
		}
		all = append(all, s)
	}
	return all, nil
}

// quotedList reads a list in the notation of Postgres or Python: elements between
// brackets, separated by commas, in one of the quotes. Without quotes an element
// is read only in braces, as in {a,b}; there NULL is no element.
func quotedList(s, open, closing, quotes string) ([]string, error) {
	rest, ok := strings.CutSuffix(strings.TrimPrefix(s, open), closing)
	if !ok {
		return nil, errNotation
	}
	var list []string
	for {
		var element string
		rest = strings.TrimLeft(rest, " ")
		if rest != "" && strings.Contains(quotes, rest[:1]) {
			if element, rest, ok = unquoted(rest); !ok {
				return nil, errNotation
			}
			rest = strings.TrimLeft(rest, " ")
		} else {
			end := strings.IndexByte(rest+",", ',')
			element, rest = strings.TrimSpace(rest[:end]), rest[end:]
			if open == "[" || strings.ContainsAny(element, "{}\"\\:") || isNoValue(element) {
				return nil, errNotation
			}
		}
		if strings.TrimSpace(element) == "" {
			return nil, errors.New("must be a list of strings that are not empty")
		}
		list = append(list, element)
		if rest == "" {
			return list, nil
		}
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return nil, errNotation
		}
	}
}

// unquoted returns the text in the quotes at the beginning of s, and what follows.
// A backslash may only escape a quote or a backslash.
func unquoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), s[i+1:], true
		case c != '\\':
			_ = b.WriteByte(c) // a Builder never fails
		case i+1 < len(s) && strings.Contains("\\'\"", s[i+1:i+2]):
			i++
			_ = b.WriteByte(s[i]) // a Builder never fails
		default:
			return "", "", false
		}
	}
	return "", "", false
}
