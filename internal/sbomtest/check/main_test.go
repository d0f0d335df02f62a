package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files that are no bills of materials by CycloneDX's schema are refused by name.
func TestFiles(t *testing.T) {
	const bill = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":"a"%s}]}`
	folder := t.TempDir()
	write := func(name, part string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(bill, "%s", part)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good, bad := write("good.json", `,"version":"1"`), write("bad.json", `,"version":1`)
	if err := run([]string{good}); err != nil {
		t.Error(err)
	}
	if err := run([]string{good, bad}); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("got error %v, want one of %s", err, bad)
	}
	if run(nil) == nil {
		t.Error("got no error without files, want one")
	}
}
