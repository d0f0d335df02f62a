package export

import (
	"slices"
	"strings"
)

// newAPIPatterns are the only names of models that New API does not compare
// literally. Its FormatMatchingModelName makes them of the names that begin with them.
// https://github.com/QuantumNous/new-api/blob/main/setting/ratio_setting/model_ratio.go
var newAPIPatterns = []string{ //nolint:gochecknoglobals // a constant
	"gpt-4-gizmo-*", "gpt-4o-gizmo-*", "gemini-2.5-pro-thinking-*", "gemini-2.5-flash-lite-thinking-*", "gemini-2.5-flash-thinking-*",
}

// isNewAPIPattern reports whether New API takes a name of a model for a pattern.
func isNewAPIPattern(model string) bool { return slices.Contains(newAPIPatterns, model) }

// isReplaced reports whether New API puts one of its patterns in the place of a name
// before it compares, so that the name in a list allows nothing.
func isReplaced(model string) bool {
	for _, pattern := range newAPIPatterns {
		beginning, isThinking := strings.CutSuffix(strings.TrimSuffix(pattern, "-*"), "-thinking")
		if strings.HasPrefix(model, beginning) && (!isThinking || strings.Contains(model, "-thinking-")) {
			return model != pattern
		}
	}
	return false
}

// hasPatterns reports whether a list of models may have patterns of New API. One API
// and One Hub have none.
func (f *fields) hasPatterns() bool { return f.present["model_limits"] }

// widens reports whether a name of a model allows more here than where it comes from.
func (f *fields) widens(model string) bool {
	return strings.HasSuffix(model, "*") && (!f.hasPatterns() || !isNewAPIPattern(model)) && !isOurs(f.values)
}
