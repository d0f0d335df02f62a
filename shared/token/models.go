package token

import (
	"fmt"
	"slices"
	"strings"
)

// AllowsModel reports whether the token's models allow a model. The name is
// always literal: a "*" in it stands for itself.
func (t Token) AllowsModel(name string) bool {
	return !t.ModelLimitsEnabled || slices.ContainsFunc(t.Models, func(entry string) bool { return MatchesModel(entry, name) })
}

// MatchesModel reports whether an entry of Token.Models matches a name. An entry
// that ends with "*" matches every name that begins with the part before it, so
// "*" alone matches every name. Case counts.
func MatchesModel(entry, name string) bool {
	if prefix, isPattern := strings.CutSuffix(entry, "*"); isPattern {
		return strings.HasPrefix(name, prefix)
	}
	return name == entry
}

func normalizeModels(names []string) ([]string, error) {
	const field = "models"
	checked := make([]string, 0, len(names))
	size := 0
	for _, name := range names {
		name, err := CheckText(field, name, 1, MaxModelNameLength)
		if err != nil {
			return nil, invalid(field, fmt.Sprintf("must be names of 1 to %d characters without control characters, beginning with a visible one", MaxModelNameLength))
		}
		if strings.Contains(name, ",") {
			return nil, invalid(field, "must be names without commas: send each name as a separate element")
		}
		if strings.Contains(strings.TrimSuffix(name, "*"), "*") {
			return nil, invalid(field, `may have "*" only once, at the end of a name, as in gpt-5*: it stands for any characters there, and alone for any model`)
		}
		if !slices.Contains(checked, name) {
			checked = append(checked, name)
			size += len(name)
		}
	}
	if len(checked) > MaxModels {
		return nil, invalid(field, fmt.Sprintf("must have at most %d names, not %d", MaxModels, len(checked)))
	}
	if size > MaxModelsBytes {
		return nil, invalid(field, fmt.Sprintf("must have at most %d bytes in all names together, not %d: send fewer names, or a pattern such as gpt-5* for several", MaxModelsBytes, size))
	}
	return checked, nil
}
