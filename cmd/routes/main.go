// Command routes derives source files from the route table, api.Routes: the
// list of endpoints in shared/api/endpoints.go, and the main package of each
// function that serves routes. Run it by `go generate ./shared/api` after a
// change of the table.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "routes:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments, want one: the root of the project", len(args))
	}
	files, err := generate(args[0])
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(args[0], f.name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil { //nolint:gosec // the caller names the project's root
			return err
		}
		if err := os.WriteFile(name, f.text, 0o600); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}
