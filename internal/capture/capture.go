// Package capture keeps what a process prints, for the test that runs it, and
// finds credentials where none should be.
package capture

import (
	"bytes"
	"regexp"
	"sync"
)

// Credential is the first thing in a text that may be a key or an access
// token, not masked; "" if there is none.
func Credential(text string) string { return credential.FindString(text) }

// Credentials are all of them.
func Credentials(text string) []string { return credential.FindAllString(text, -1) }

var credential = regexp.MustCompile(`(sk|at)-[0-9A-Za-z]{20,}`)

// An Output is a buffer that may be read while a process writes to it. The
// zero Output is empty and ready.
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

// Bytes are a copy of all that was written so far.
func (o *Output) Bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

// String is all that was written so far.
func (o *Output) String() string { return string(o.Bytes()) }

// Tail is the end of what was written so far, at most 8 KiB.
func (o *Output) Tail() string {
	const most = 8 << 10
	all := o.Bytes()
	return string(all[max(0, len(all)-most):])
}
