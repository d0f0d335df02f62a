package webhook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// matches reports whether a pattern stands for a type: it is the type, or the type
// begins with what the pattern has before its final *.
func matches(t event.Type, pattern string) bool {
	prefix, ok := strings.CutSuffix(pattern, "*")
	return string(t) == pattern || ok && strings.HasPrefix(string(t), prefix)
}

// CheckTypes returns patterns of types, each once. A pattern is a type, * for all,
// or token.* and user.* for a kind. No pattern means all types. The error is a
// *token.InvalidError.
func CheckTypes(patterns []string) ([]string, error) {
	var checked []string
	for _, pattern := range patterns {
		prefix, star := strings.CutSuffix(pattern, "*")
		known := slices.ContainsFunc(event.Types(), func(t event.Type) bool { return matches(t, pattern) })
		if !known || star && prefix != "" && !strings.HasSuffix(prefix, ".") {
			return nil, &token.InvalidError{Field: "types", Reason: fmt.Sprintf("must not contain %q: each must be one of %s, or token.* or user.*", shorten(pattern), listed())}
		}
		if pattern == "*" {
			return nil, nil
		}
		if !slices.Contains(checked, pattern) {
			checked = append(checked, pattern)
		}
	}
	return checked, nil
}

func listed() string {
	var names []string
	for _, t := range event.Types() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// shorten returns the first characters of a text that a caller sent.
func shorten(s string) string {
	const shown = 40
	if runes := []rune(s); len(runes) > shown {
		return string(runes[:shown]) + "…"
	}
	return s
}
