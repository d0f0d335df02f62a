package api_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
)

// docs/family.md shows the table of fields as the code has it.
func TestFamilyDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/family.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\| (ignored|refused unless it is off: [^|]+) \\|$").FindAllStringSubmatch(string(page), -1) {
		got = append(got, strings.Join(row[1:], ": "))
	}
	if want := api.FamilyTable(); !slices.Equal(got, want) {
		t.Errorf("docs/family.md has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
