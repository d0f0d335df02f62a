// Command check checks the bills of materials in files against the schema of CycloneDX
// 1.6.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/latchkey-api/latchkey/internal/sbomtest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
}

func run(files []string) error {
	if len(files) == 0 {
		return errors.New("got no files, want bills of materials")
	}
	schema, err := sbomtest.Load()
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the caller names the file
		if err != nil {
			return err
		}
		if err := schema.Check(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
