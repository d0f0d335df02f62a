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

// TestLicences checks that the texts of the licences of all libraries are served with
// them, and that nothing is built with a library that has none.
func TestLicences(t *testing.T) {
	root := filepath.Join("..", "..", web)
	built, err := build(filepath.Join(root, "src"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Copyright (c) 2017 Google LLC. All rights reserved.", "Apache License", "SmartBear Software"} {
		if !bytes.Contains(built[licencesFile], []byte(want)) {
			t.Errorf("%s lacks %q", licencesFile, want)
		}
	}
	if !bytes.HasPrefix(built["app.js"], []byte(banner+"\n")) {
		t.Error("the bundle does not say where the licences are")
	}
}

// TestLibraryWithoutLicence checks that nothing is built with a library whose licence
// is missing or empty.
func TestLibraryWithoutLicence(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	add := func(name, content string) {
		t.Helper()
		file := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add("app.js", `import "./lib/other.js";`)
	add("style.css", "")
	add("lib/other.js", "document.title = 1")
	add("../docs/LICENSE", "text")
	add("../docs/NOTICE", "text")
	for _, text := range []string{"missing", "\n", "text"} {
		if text != "missing" {
			add("lib/other.LICENSE.txt", text)
		}
		if _, err := build(src); (err == nil) != (text == "text") {
			t.Errorf("licence %q: got error %v", text, err)
		}
	}
}
