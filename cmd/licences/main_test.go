package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every module that go version -m finds in a binary is in the file, and so is Go.
func TestModulesOfBinary(t *testing.T) {
	t.Chdir("../..")
	binary := filepath.Join(t.TempDir(), "tokenctl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/tokenctl").CombinedOutput(); err != nil { //nolint:gosec // a test's own arguments
		t.Fatalf("%v\n%s", err, out)
	}
	modules, err := exec.CommandContext(t.Context(), "go", "version", "-m", binary).Output() //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	text, err := licences("./cmd/tokenctl")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(modules)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			found++
			if !bytes.Contains(text, []byte("===== "+fields[1]+" "+fields[2]+"\n")) {
				t.Errorf("no licence of %s %s", fields[1], fields[2])
			}
		}
	}
	if found < 20 {
		t.Errorf("got %d modules of tokenctl, want 20 or more", found)
	}
	for _, want := range []string{"===== Go\n", "Copyright 2009 The Go Authors.", "Apache License", "AWS SDK for Go"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the file lacks %q", want)
		}
	}
}

// A module without a licence in its own folder is refused, even if one of its packages
// has one.
func TestModuleWithoutLicence(t *testing.T) {
	root := t.TempDir()
	d := dependency{ImportPath: "example.com/m/p", Dir: filepath.Join(root, "p")}
	d.Module = new(module{Path: "example.com/m", Version: "v1.0.0", Dir: root})
	write := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("p/LICENSE.md")
	write("license.go")
	all := map[string][]string{}
	if err := addFiles(all, []dependency{d}); err == nil || !strings.Contains(err.Error(), "example.com/m v1.0.0") {
		t.Errorf("got error %v, want one that names the module", err)
	}
	write("COPYING")
	if err := addFiles(all, []dependency{d}); err != nil {
		t.Fatal(err)
	}
	text, err := texts(all)
	if want := "===== example.com/m v1.0.0\n\nCOPYING\n\n===== example.com/m v1.0.0\n\np/LICENSE.md\n\n"; err != nil || string(text) != want {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
}
