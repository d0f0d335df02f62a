// Command mutants tests the tests. It breaks the code in one known place at a
// time and runs the tests that should notice. It fails if one of them passes.
// The source files stay unchanged: the compiler reads the broken file as an
// overlay. Add a row to rows.go for a guarantee that only one test checks.
//
// Run it in the project's root:
//
//	go run ./cmd/mutants [-only TEXT] [-part N/OF]
//
// Without -only it tries every mutant. With -only it tries the mutants whose
// description contains TEXT, for example -only hold. With -part it tries one part
// of them, such as 1/2, so that two runs can share the work. It runs as many mutants at a
// time as there are processors. It prints a line for each mutant that was caught,
// and at the end the others, with exit code 1.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/engine"
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
	only := flag.String("only", "", "try only the mutants whose description contains this `text`")
	part := flag.String("part", "1/1", "try only this `part` of the mutants, such as 2/3")
	flag.Parse()
	var n, of int
	if _, err := fmt.Sscanf(*part, "%d/%d", &n, &of); err != nil || n < 1 || n > of {
		fmt.Fprintf(os.Stderr, "-part %s is not a part: use 1/2 or 2/2 for halves\n", *part)
		os.Exit(2)
	}
	if err := tryAll(partOf(mutants(), *only, n, of)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// partOf returns each of-th mutant, from the n-th on, whose description contains only.
func partOf(all []mutant, only string, n, of int) []mutant {
	var some []mutant
	for i, m := range all {
		if strings.Contains(m.breaks, only) && i%of == n-1 {
			some = append(some, m)
		}
	}
	return some
}

// tryAll tries mutants, one for each processor at a time, and returns what went wrong
// with any of them.
func tryAll(some []mutant) error {
	var (
		mu   sync.Mutex
		errs []error
		all  sync.WaitGroup
	)
	slots := make(chan struct{}, runtime.NumCPU())
	for _, m := range some {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			started := time.Now()
			err := m.try()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", m.breaks, err))
				return
			}
			fmt.Printf("caught in %.0f s: %s\n", time.Since(started).Seconds(), m.breaks)
		})
	}
	all.Wait()
	if len(some) == 0 {
		return errors.New("no mutant has such a description")
	}
	return errors.Join(errs...)
}

// try returns nil if the broken code compiles and the tests fail on it.
func (m mutant) try() error {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return fmt.Errorf("%s contains the text to replace %d times, want once: correct the row", m.file, n)
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	overlay, err := m.overlay(dir, string(source))
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "mutant.test")
	if out, err := run(".", "env", append(compile(), "-overlay", overlay, "-o", binary, m.pkg)...); err != nil {
		return fmt.Errorf("the mutant does not compile: correct the row: %s", out)
	}
	return m.test(binary)
}

// compile returns the arguments of env that compile the tests of a package soonest:
// without a symbol table and debug information, without optimizing our own code,
// and with a compiler that collects garbage less often.
func compile() []string {
	const ours = "github.com/latchkey-api/latchkey/..."
	return []string{"GOGC=400", "go", "test", "-c", "-ldflags=-s -w", "-gcflags=" + ours + "=-dwarf=false -N -l"}
}

// overlay writes the broken file and the overlay that names it into dir.
func (m mutant) overlay(dir, source string) (string, error) {
	broken := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(broken, []byte(strings.Replace(source, m.old, m.new, 1)), 0o600); err != nil { //nolint:gosec // rows.go names the files
		return "", err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: broken}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, replace, 0o600)
}

// How a test of a random property is tried. Nobody reads its finding, so that need
// not become small, which can take half a minute. moreChecks is how often it is tried,
// at most, before it counts as one that has not noticed anything.
const (
	noShrinking = "-rapid.shrinktime=1ns"
	moreChecks  = "-rapid.checks=5000"
)

// test returns nil if a test fails. A test that does not end by itself has
// not noticed anything. One of a random property gets more draws if the usual
// number was not enough.
func (m mutant) test(binary string) error {
	args := []string{"-test.timeout=5m", "-test.run=" + m.run}
	out, err := run(m.pkg, binary, append(args, noShrinking)...)
	switch {
	case strings.Contains(out, "flag provided but not defined"): // the package has no such test
		out, err = run(m.pkg, binary, args...)
	case err == nil:
		out, err = run(m.pkg, binary, append(args, noShrinking, moreChecks)...)
	}
	switch {
	case err == nil:
		return fmt.Errorf("NOT CAUGHT by %s in %s", m.run, m.pkg)
	case strings.Contains(out, "panic: test timed out"):
		return fmt.Errorf("NOT CAUGHT by %s in %s within 5 minutes: %s", m.run, m.pkg, out)
	case strings.Contains(out, engine.ErrMissing.Error()):
		return engine.ErrMissing
	case !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic:"):
		return fmt.Errorf("the tests did not run: %s", out)
	}
	return nil
}

func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // rows.go names the tests; they end by themselves
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
