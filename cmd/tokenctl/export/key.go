package export

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Key is what an export says about the key of a token. It is not the key itself.
type Key struct {
	Hash [sha256.Size]byte // of the whole key, as its clients send it
	Mask string            // what is shown of it
	From string            // the system that issued it, as the API shows it
}

// Issued reports whether the system that wrote the file is one that Key.From names.
// New API and One API count as one, because an export does not always tell them
// apart.
func (f File) Issued(from string) bool {
	names := map[string][]string{"New API": {"new-api", "one-api"}, "LiteLLM": {"litellm"}, "API Gateway": {"api-gateway"}, "Unkey": {"unkey"}}
	return slices.Contains(names[f.Dialect], from)
}

// Foreign returns the token of a row that keeps its key.
func (r Row) Foreign() token.ForeignToken {
	return token.ForeignToken{Settings: settingsOf(r.Token), Hash: r.Key.Hash, Mask: r.Key.Mask, From: r.Key.From, UsedQuota: r.Used}
}

// keep sets the key of a row and the units that were used with it. It sets a problem
// if the export does not say enough to keep the key.
func (r *Row) keep(d dialect, f *fields) {
	r.Used = d.used(f)
	if r.Used > token.MaxInteger {
		f.wrong("", fmt.Sprintf("more than %d units were used with it", int64(token.MaxInteger)))
	}
	var column, problem string
	if r.Key, column, problem = d.key(f); problem != "" && f.problem == "" {
		f.column, f.problem = column, problem
	}
	r.Column, r.Problem, r.Warnings = f.column, f.problem, f.warnings
}

// usedOfNewAPI returns the units of used_quota.
func usedOfNewAPI(f *fields) int64 {
	used := f.integer("used_quota")
	return max(0, or(used, 0))
}

// usedOfLiteLLM returns the units of spend, if dollars have a value in units.
func usedOfLiteLLM(f *fields) int64 {
	spend := f.dollars("spend")
	if spend == nil || f.options.UnitsPerDollar <= 0 || spend.Cmp(new(big.Rat)) <= 0 {
		return 0
	}
	return f.units("spend", spend)
}

// keyOfNewAPI reads the keys of New API and One API, which are stored without sk-.
// Their lists mask them, and show them in full only one by one.
func keyOfNewAPI(f *fields) (k Key, column, problem string) {
	_, plain := f.text("key")
	if plain == "" || isMasked(plain) {
		return k, "key", "its key is missing or masked: export the table tokens from the database, which has the whole keys"
	}
	from := "new-api"
	if f.present["subnet"] && !f.present["allow_ips"] {
		from = "one-api"
	}
	return plainKey(credential.KeyPrefix+strings.TrimPrefix(plain, credential.KeyPrefix), "key", from)
}

// keyOfLiteLLM reads the SHA-256 of a key, in hexadecimal, from the column token.
func keyOfLiteLLM(f *fields) (k Key, column, problem string) {
	_, plain := f.text("token")
	if f.present[oursInLiteLLM] {
		return k, "token", isOfLatchkey
	}
	if credential.HasKeyPrefix(plain) {
		return plainKey(plain, "token", "litellm")
	}
	hash, ok := hashOf(plain, hex.DecodeString)
	if !ok {
		return k, "token", "its token is not the SHA-256 of a key, 64 hexadecimal digits: export the table LiteLLM_VerificationToken, or GET /key/list?return_full_object=true"
	}
	k = Key{Hash: hash, Mask: credential.ForeignMask(""), From: "litellm"}
	_, shown := f.text("key_name")
	_, last, ok := strings.Cut(shown, "...")
	if ok {
		k.Mask = credential.MaskedKey(credential.KeyPrefix, last)
	}
	for _, short := range []string{shown, last, credential.KeyPrefix + last} {
		if len(short) < credential.MinForeignKeyLength && sha256.Sum256([]byte(short)) == hash {
			f.warnings = append(f.warnings, fmt.Sprintf("its key has fewer than %d characters, so it is refused here: rotate the token", credential.MinForeignKeyLength))
			break
		}
	}
	return k, "", ""
}

// keyOfUnkey reads the SHA-256 of a key, in base64, from the column hash, or the
// key itself.
func keyOfUnkey(f *fields) (k Key, column, problem string) {
	if column, plain := f.text("plaintext", "key"); plain != "" {
		return plainKey(plain, column, "unkey")
	}
	_, stored := f.text("hash")
	hash, ok := hashOf(stored, base64.StdEncoding.Strict().DecodeString, base64.URLEncoding.Strict().DecodeString, hex.DecodeString)
	if !ok {
		return k, "hash", "it has neither the SHA-256 of its key, in base64 in the column hash, nor the whole key: export the keys with their hashes from the database, or with decrypt=true"
	}
	return Key{Hash: hash, Mask: credential.ForeignMask(""), From: "unkey"}, "", ""
}

// hashOf returns a SHA-256 in the first of some encodings in which a text is one.
func hashOf(text string, encodings ...func(string) ([]byte, error)) (hash [sha256.Size]byte, ok bool) {
	for _, decode := range encodings {
		if content, err := decode(text); err == nil && len(content) == sha256.Size {
			return [sha256.Size]byte(content), true
		}
	}
	return hash, false
}

// isMasked reports whether a part of a key is left out.
func isMasked(plain string) bool {
	return strings.ContainsAny(plain, "*•…") || strings.Contains(plain, "...")
}

// isOfLatchkey is the problem of a key that Latchkey has issued.
const isOfLatchkey = "its key is one of Latchkey, which only works in the table where it was created: use `tokenctl token import`, which gives the token a new key"

// plainKey returns the key of its text.
func plainKey(plain, column, from string) (k Key, _, problem string) {
	_, err := credential.ParseKey(credential.KeyPrefix + strings.TrimPrefix(plain, credential.KeyPrefix)) // as a gate reads it
	switch {
	case isMasked(plain):
		return k, column, "its key is masked: export whole keys or their hashes"
	case err == nil:
		return k, column, isOfLatchkey
	case len(credential.ForeignKeys(plain)) == 0:
		return k, column, fmt.Sprintf("its key must have %d to %d visible characters of ASCII, because a shorter one could be guessed: leave the row out, and create a token with a new key", credential.MinForeignKeyLength, credential.MaxForeignKeyLength)
	default:
		return Key{Hash: sha256.Sum256([]byte(plain)), Mask: credential.ForeignMask(plain), From: from}, "", ""
	}
}
