package capture

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Secrets are the secrets of a test's run: the text of each, by what it is.
type Secrets map[string]string

// A Leak is a form of a secret that is in a text.
type Leak struct {
	Secret string // what it is
	Form   string // such as "in upper case"
	Hash   bool   // the form is of the secret's SHA-256, which does not give the secret away
}

// String implements fmt.Stringer.
func (l Leak) String() string { return fmt.Sprintf("%s, %s", l.Secret, l.Form) }

// minForm is the length from which a text is looked for; a shorter one may be in a text
// by chance.
const minForm = 16

// Find returns the leaks in a text. A secret that is too short to be looked for is one,
// so that no search is in vain.
func (s Secrets) Find(text string) (leaks []Leak) {
	for name, secret := range s {
		for form, part := range forms(secret) {
			if len(part) < minForm || strings.Contains(text, part) {
				leaks = append(leaks, Leak{name, form, strings.HasPrefix(form, hashForm)})
			}
		}
	}
	slices.SortFunc(leaks, func(a, b Leak) int { return strings.Compare(a.String(), b.String()) })
	return leaks
}

// hashForm begins the names of the forms of a hash, and KeyForm those of the bytes
// with which the secret of a webhook signs.
const (
	hashForm = "hash"
	KeyForm  = "signing key"
)

// forms returns the texts that give a secret or its SHA-256 away, by what they are.
func forms(secret string) map[string]string {
	bare := secret
	if _, after, ok := strings.Cut(secret, "-"); ok {
		bare = after
	}
	all := map[string]string{}
	if after, ok := strings.CutPrefix(secret, "whsec_"); ok {
		bare = after
		if signs, err := base64.StdEncoding.DecodeString(after); err == nil {
			addForms(all, KeyForm, signs)
		}
	}
	all["as it is"], all["without its prefix"] = secret, bare
	if half := len(bare) / 2; half >= minForm {
		all["its beginning"], all["its end"] = bare[:half], bare[half:]
	}
	all["in upper case"], all["in lower case"] = strings.ToUpper(bare), strings.ToLower(bare)
	all["in a URL"], all["in base64"] = url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))
	all["in hex"] = hex.EncodeToString([]byte(secret))
	whole, part := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(bare))
	addForms(all, hashForm, whole[:])
	addForms(all, hashForm+" without its prefix", part[:])
	return all
}

// addForms adds bytes and their encodings.
func addForms(all map[string]string, name string, content []byte) {
	all[name] = string(content)
	all[name+" in hex"] = hex.EncodeToString(content)
	all[name+" in base64"] = base64.StdEncoding.EncodeToString(content)
	all[name+" in base64 for URLs"] = base64.RawURLEncoding.EncodeToString(content)
}
