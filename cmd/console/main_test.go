package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestDistIsWhatTheSourcesMake(t *testing.T) {
	root := filepath.Join("..", "..", web)
	built, err := build(filepath.Join(root, "src"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range built {
		got, err := os.ReadFile(filepath.Join(root, "dist", name)) //nolint:gosec // the project's own file
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what is built of the sources (%v): run `make console` and commit it", name, err)
		}
	}
	if kept, err := os.ReadDir(filepath.Join(root, "dist")); err != nil || len(kept) != len(built) {
		t.Errorf("got %d files in dist (%v), want the %d that are built", len(kept), err, len(built))
	}
}
