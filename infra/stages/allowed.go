package stages

import (
	"fmt"
	"strings"
)

// Allowed is what an operator allows for one deployment although it differs from
// the one before.
type Allowed struct {
	Account bool // another account or region than that of the settings
	Table   bool // another table than the deployed one
}

// ParseAllowed parses a list of "account" and "table", which white space or commas
// separate.
func ParseAllowed(text string) (a Allowed, err error) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", ", r) }) {
		switch word {
		case "account":
			a.Account = true
		case "table":
			a.Table = true
		default:
			return a, fmt.Errorf("ALLOW is %q: set it to account, table or both, or leave it out", text)
		}
	}
	return a, nil
}
