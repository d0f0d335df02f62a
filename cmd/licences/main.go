// Command licences writes the licences of all Go code that the functions and tokenctl
// contain beside the project's own: Go's standard library, and of each module the
// licences and notices that apply to the packages in use. Releases and images contain
// the file, because most of these licences ask for that. Run it in the project's root.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments, want one: the file to write", len(args))
	}
	text, err := licences("./functions/...", "./cmd/tokenctl")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(args[0]), 0o750); err != nil { //nolint:gosec // the caller names the file
		return err
	}
	return os.WriteFile(args[0], text, 0o600) //nolint:gosec // the caller names the file
}

// licences returns the licences of all that the packages contain on one of the
// platforms of a release.
func licences(packages ...string) ([]byte, error) {
	goroot, err := goCommand("", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{"Go": {filepath.Join(string(bytes.TrimSpace(goroot)), "LICENSE")}}
	for _, platform := range []string{"linux", "darwin"} {
		linked, err := dependencies(platform, packages)
		if err != nil {
			return nil, err
		}
		if err := addFiles(all, linked); err != nil {
			return nil, err
		}
	}
	return texts(all)
}
