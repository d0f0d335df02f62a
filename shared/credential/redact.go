package credential

import (
	"regexp"
	"strings"
)

// pattern is the one definition of what looks like a credential. It matches, in
// upper or lower case:
//
//   - sk- at the start of a word, followed by at least 8 letters, digits,
//     underscores or hyphens, as in sk-proj-… keys, and at- at the start of a
//     word, followed by at least 8 letters or digits. A word also starts after an
//     underscore and after an escape sequence of a URL or of JSON, such as %20
//     and \n;
//   - sk- or at- anywhere, followed by at least 24 letters or digits and then
//     as many underscores and hyphens as there are.
//
// It matches neither a mask nor words such as task-management and
// at-least-once. Group 1 is what precedes the credential; groups 2, 3 and 4 are
// the prefix, of which one is set.
var pattern = regexp.MustCompile(`(?i)` +
	`((?-i:^|[^0-9A-Za-z])|%[0-9a-f]{2}|\\[bfnrt]|\\u[0-9a-f]{4})(?:(sk-)[0-9a-z_-]{8,}|(at-)[0-9a-z]{8,})` +
	`|(sk-|at-)[0-9a-z]{24}[0-9a-z_-]*`)

// Redact replaces everything in s that looks like a credential with its prefix
// and ten stars. Use it for any text that may quote what a caller sent.
func Redact(s string) string { return pattern.ReplaceAllString(s, "${1}${2}${3}${4}**********") }

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
	pattern.ReplaceAllStringFunc(s, func(match string) string {
		hyphen := 1 + strings.IndexByte(match[1:], '-') // the prefix's; what precedes the credential may be one too
		found := match[hyphen+1-len(KeyPrefix):]        // all prefixes are as long
		if len(found)-len(KeyPrefix) >= minLength {
			all = append(all, found)
		}
		return match
	})
	return all
}
