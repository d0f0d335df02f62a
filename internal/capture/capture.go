// Package capture records the output of a process for a test, and finds
// credentials in it.
package capture

import (
	"bytes"
	"regexp"
	"sync"
)

// FindCredential returns the first text that looks like an unmasked key or access
// token, or "" if there is none.
func FindCredential(text string) string { return credential.FindString(text) }

// FindCredentials returns every text that looks like an unmasked key or access
// token.
func FindCredentials(text string) []string { return credential.FindAllString(text, -1) }

var credential = regexp.MustCompile(`(sk|at)-[0-9A-Za-z]{20,}`)

// An Output is a buffer that a test may read while a process writes to it. The
// zero Output is empty and ready to use.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// Bytes returns a copy of everything written so far.
func (o *Output) Bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

// String returns everything written so far.
func (o *Output) String() string { return string(o.Bytes()) }

// Tail returns the last 8 KiB of what was written so far.
func (o *Output) Tail() string {
	const most = 8 << 10
	all := o.Bytes()
	return string(all[max(0, len(all)-most):])
}
