package credential

import "strings"

// What looks like a credential, in upper or lower case:
//
//   - sk- at the start of a word, followed by at least 8 letters, digits,
//     underscores or hyphens, as in sk-proj-… keys, and at- at the start of a
//     word, followed by at least 8 letters or digits. A word also starts after an
//     underscore and after an escape sequence of a URL or of JSON, such as %20
//     and \n;
//   - sk- or at- anywhere, followed by at least 24 letters or digits and then
//     as many underscores and hyphens as there are;
//   - whsec_ anywhere, followed by at least 8 characters of base64: the secret of a
//     webhook;
//   - a key of ours without sk-, whose checksum is right.
//
// A mask, task-management and at-least-once don't. A regular expression would be
// compiled at each cold start; the tests have it.
const (
	shortest       = 8  // characters after the prefix, at the start of a word
	shortestInWord = 24 // letters and digits after the prefix, anywhere
)

// next returns where the first credential in s[from:] is. If there is none, start
// is len(s).
func next(s string, from int) (start, end int) {
	for i := from; i < len(s); i++ {
		atWord := startsWord(s[:i])
		length := credentialLength(s[i:], atWord)
		if length == 0 && atWord && isBareKey(s[i:]) {
			length = bareLength
		}
		if length > 0 {
			return i, i + length
		}
	}
	return len(s), len(s)
}

const bareLength = KeyLength - len(KeyPrefix)

// isBareKey reports whether s begins with a key without its prefix.
func isBareKey(s string) bool {
	if len(s)-len(strings.TrimLeft(s, alphanumerics)) != bareLength {
		return false
	}
	_, err := ParseKey(KeyPrefix + s[:bareLength])
	return err == nil
}

// credentialLength returns the length of the credential with which s begins, or 0.
func credentialLength(s string, atWord bool) int {
	if n := secretLength(s); n > 0 {
		return n
	}
	if len(s) < len(KeyPrefix) {
		return 0
	}
	prefix, rest := strings.ToLower(s[:len(KeyPrefix)]), s[len(KeyPrefix):]
	if prefix != KeyPrefix && prefix != accessPrefix {
		return 0
	}
	alphanumeric := len(rest) - len(strings.TrimLeft(rest, alphanumerics))
	all := len(rest) - len(strings.TrimLeft(rest, alphanumerics+"_-"))
	switch {
	case atWord && prefix == KeyPrefix && all >= shortest:
		return len(prefix) + all
	case atWord && prefix == accessPrefix && alphanumeric >= shortest:
		return len(prefix) + alphanumeric
	case alphanumeric >= shortestInWord:
		return len(prefix) + all
	default:
		return 0
	}
}

// secretLength returns the length of the secret of a webhook with which s begins, or
// 0.
func secretLength(s string) int {
	if len(s) < len(secretPrefix) || !strings.EqualFold(s[:len(secretPrefix)], secretPrefix) {
		return 0
	}
	rest := s[len(secretPrefix):]
	if n := len(rest) - len(strings.TrimLeft(rest, alphanumerics+"+/")); n >= shortest {
		return len(s) - len(strings.TrimLeft(rest[n:], "="))
	}
	return 0
}

const secretPrefix = "whsec_"

const (
	digits        = "0123456789"
	alphanumerics = digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	hexDigits     = digits + "abcdefABCDEF"
)

// startsWord reports whether a word starts after s.
func startsWord(s string) bool {
	return s == "" || !strings.Contains(alphanumerics, s[len(s)-1:]) ||
		endsWith(s, "%", 2, hexDigits) || endsWith(s, `\`, 1, "bfnrt") || endsWith(s, `\u`, 4, hexDigits)
}

// endsWith reports whether s ends with a text and n characters of a set.
func endsWith(s, text string, n int, set string) bool {
	i := len(s) - n
	return i >= 0 && strings.HasSuffix(s[:i], text) && strings.Trim(s[i:], set) == ""
}

// Redact replaces everything in s that looks like a credential with its prefix, if
// it has one, and ten stars. Use it for any text that may quote what a caller sent.
func Redact(s string) string {
	var redacted strings.Builder
	for from := 0; from < len(s); {
		start, end := next(s, from)
		redacted.WriteString(s[from:start])
		if start < end {
			redacted.WriteString(prefixOf(s[start:end]))
			redacted.WriteString("**********")
		}
		from = end
	}
	return redacted.String()
}

func prefixOf(found string) string {
	switch {
	case isBareKey(found):
		return ""
	case secretLength(found) > 0:
		return found[:len(secretPrefix)]
	default:
		return found[:len(KeyPrefix)]
	}
}

// Find returns the first text in s that looks like a credential and has at
// least minLength characters after its prefix, or "" if there is none. The
// smallest effective minLength is 8.
func Find(s string, minLength int) string {
	if all := FindAll(s, minLength); len(all) > 0 {
		return all[0]
	}
	return ""
}

// FindAll returns every text in s that Find could return, in order.
func FindAll(s string, minLength int) []string {
	var all []string
	for from := 0; from < len(s); {
		start, end := next(s, from)
		if end-start >= len(KeyPrefix)+minLength && start < end {
			all = append(all, s[start:end])
		}
		from = end
	}
	return all
}
