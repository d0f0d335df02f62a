// Package capture records the output of a process for the test that runs it, and
// finds credentials in it.
package capture

import (
	"bytes"
	"fmt"
	"regexp"
	"sync"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// minLength is the number of characters after the prefix from which a text
// counts as a leaked credential. Shorter ones are example values.
const minLength = 20

// FindCredential returns the first text that looks like a key or an access token
// and is not masked, or "" if there is none.
func FindCredential(text string) string { return credential.Find(text, minLength) }

// FindCredentials returns all texts that FindCredential could return, in order.
func FindCredentials(text string) []string { return credential.FindAll(text, minLength) }

var (
	key         = regexp.MustCompile(fmt.Sprintf(`sk-[0-9A-Za-z]{%d}`, credential.KeyLength-len("sk-")))
	accessToken = regexp.MustCompile(fmt.Sprintf(`at-[0-9A-Za-z]{%d}`, credential.AccessTokenLength-len("at-")))
	secret      = regexp.MustCompile(`whsec_[0-9A-Za-z+/]{32,}=*`)
	mask        = regexp.MustCompile(`(sk|at)-[0-9A-Za-z]{4}\*{10}[0-9A-Za-z]{4}`)
)

// Normalize replaces our own keys by sk-(key), access tokens by
// at-(access token), secrets of webhooks by whsec_(secret), and masks by sk-(mask) or at-(mask), so that a text can be
// compared with that of another run.
func Normalize(text string) string {
	text = key.ReplaceAllString(text, "sk-(key)")
	text = accessToken.ReplaceAllString(text, "at-(access token)")
	text = secret.ReplaceAllString(text, "whsec_(secret)")
	return mask.ReplaceAllString(text, "$1-(mask)")
}

// An Output is a buffer that can be read while a process writes to it. The zero
// Output is empty and ready to use.
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

// Bytes returns a copy of what was written so far.
func (o *Output) Bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

// String returns what was written so far.
func (o *Output) String() string { return string(o.Bytes()) }

// Tail returns the end of what was written so far, at most 8 KiB.
func (o *Output) Tail() string {
	const maxBytes = 8 << 10
	all := o.Bytes()
	return string(all[max(0, len(all)-maxBytes):])
}
