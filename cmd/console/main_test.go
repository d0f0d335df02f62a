package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestDistIsUpToDate checks that the committed files in dist are built from the
// committed sources, and that there are no others.
func TestDistIsUpToDate(t *testing.T) {
	root := filepath.Join("..", "..", web)
	built, err := build(filepath.Join(root, "src"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range built {
		got, err := os.ReadFile(filepath.Join(root, "dist", name)) //nolint:gosec // the project's own file
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dist/%s differs from what the sources build (%v): run `make console` and commit the result", name, err)
		}
	}
	if kept, err := os.ReadDir(filepath.Join(root, "dist")); err != nil || len(kept) != len(built) {
		t.Errorf("got %d files in dist (%v), want %d", len(kept), err, len(built))
	}
}
