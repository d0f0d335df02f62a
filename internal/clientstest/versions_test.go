package clientstest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// TestDocumentedVersions checks that docs/gateway.md names the versions of the
// clients that are installed.
func TestDocumentedVersions(t *testing.T) {
	root := dynamotest.Root(t)
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(root, name)) //nolint:gosec // a file of this project
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	var npm struct{ DevDependencies map[string]string }
	if err := json.Unmarshal([]byte(read("package.json")), &npm); err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(read("docs/gateway.md"), "## Tested with\n")
	rows := regexp.MustCompile(`(?m)^\| ([a-z-]+)(?: \((.*)\))? \| ([\d.]+) \|`).FindAllStringSubmatch(section, -1)
	if len(rows) != 7 {
		t.Fatalf("got %d clients, want 7", len(rows))
	}
	for _, row := range rows {
		name, language, version := row[1], row[2], row[3]
		installed := strings.Contains(read("scripts/clients.txt"), "\n"+name+"=="+version+" ")
		if language == "Node" || name == "ai" {
			installed = npm.DevDependencies[name] == version
		}
		if !installed {
			t.Errorf("%s %s is not the version that make test-clients installs", name, version)
		}
	}
}
