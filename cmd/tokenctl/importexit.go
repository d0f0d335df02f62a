package main

import "io"

// A partialError ends an import that has imported some of the rows. Err says why it
// stopped, or is nil if it has left out rows as it was asked to.
type partialError struct{ err error }

func (e *partialError) Error() string { return "some rows were not imported" }

func (e *partialError) Unwrap() error { return e.err }

// exit prints the reason, if any, and returns the exit code.
func (e *partialError) exit(stderr io.Writer) int {
	const partial = 3
	if e.err != nil {
		_ = fail(stderr, e.err)
	}
	return partial
}
