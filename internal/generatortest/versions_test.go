package generatortest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// TestDocumentedVersions checks that docs/api.md names the versions of the generators
// that make test-clients uses.
func TestDocumentedVersions(t *testing.T) {
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(dynamotest.Root(t), name)) //nolint:gosec // a file of this project
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	pins := read("internal/generatortest/drivers/go/go.mod") + read("internal/generatortest/drivers/typescript/package.json") + read("scripts/openapi.txt")
	_, section, _ := strings.Cut(read("docs/api.md"), "## Generate a client\n")
	rows := regexp.MustCompile(`(?m)^\| ([a-z-]+) \| \w+ \| ([\d.]+) \|`).FindAllStringSubmatch(section, -1)
	if len(rows) != 4 {
		t.Fatalf("got %d generators, want 4", len(rows))
	}
	for _, row := range rows {
		name, version := regexp.QuoteMeta(row[1]), regexp.QuoteMeta(row[2])
		if !regexp.MustCompile(`(?m)(^` + name + `==|/` + name + `(/v2)? v|"` + name + `": ")` + version + `\b`).MatchString(pins) {
			t.Errorf("%s %s is not the version that make test-clients uses", row[1], row[2])
		}
	}
}
