// Command mutants proves that the tests bite: it breaks the code in places
// that matter, one at a time, and fails if the tests that should notice pass.
// The tree stays as it is; the broken file is given to the compiler as an
// overlay. Add a row for a guarantee that only one test holds.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A mutant is a file in which one text is replaced by another, and the tests
// that must then fail.
type mutant struct {
	breaks   string
	file     string
	old, new string
	pkg, run string
}

func main() {
	var errs []error
	for _, m := range mutants() {
		if err := m.try(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.breaks, err))
			continue
		}
		fmt.Println("caught:", m.breaks)
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// try is nil if the tests fail on the mutant, and only because of it.
func (m mutant) try() error {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return fmt.Errorf("the text to replace is in %s %d times, want once: mend the row", m.file, n)
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	broken := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(broken, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil { //nolint:gosec // the rows above name the files
		return err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: broken}})
	if err != nil {
		return err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return err
	}
	return m.test(overlayFile)
}

func (m mutant) test(overlay string) error {
	if out, err := run("test", "-overlay", overlay, "-run", "^$", m.pkg); err != nil {
		return fmt.Errorf("the mutant does not compile: mend the row: %s", out)
	}
	out, err := run("test", "-overlay", overlay, "-count=1", "-timeout=5m", "-run", m.run, m.pkg)
	if err == nil {
		return fmt.Errorf("NOT CAUGHT by %s in %s", m.run, m.pkg)
	}
	if !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic:") {
		return fmt.Errorf("the tests did not run: %s", out)
	}
	return nil
}

func run(args ...string) (string, error) {
	out, err := exec.Command("go", args...).CombinedOutput() //nolint:gosec,noctx // the rows above; it ends by itself
	return string(out), err
}
