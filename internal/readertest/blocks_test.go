package readertest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/document"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// A block is a block of code that is written in a language, and where it is.
type block struct {
	document.Block

	document string // its path in the project
}

// documents returns the paths of all documents of the project.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	root := dynamotest.Root(t)
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			path, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, filepath.ToSlash(path))
		}
	}
	return paths
}

// blocksOf returns the blocks of a document, without drawings and formulas.
func blocksOf(t *testing.T, path string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), path)) //nolint:gosec // a file of this project
	if err != nil {
		t.Fatal(err)
	}
	all, err := document.Blocks(string(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, b := range all {
		if b.Language != "" && b.Language != "mermaid" {
			blocks = append(blocks, block{b, path})
		}
	}
	return blocks
}

// blockOf returns the block of a document whose first line begins with a text.
func blockOf(t *testing.T, path, begins string) block {
	t.Helper()
	for _, b := range blocksOf(t, path) {
		if strings.HasPrefix(b.Begins(), begins) {
			return b
		}
	}
	t.Fatalf("%s has no block that begins with %q", path, begins)
	return block{}
}
