package export_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/credential"
)

const (
	newAPIKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR0001" // without sk-
	unkeyKey  = "prod_3ZExample0123456789ABCD"
)

// rowsWithKeys returns a file of each system with one row, of which a part is left
// open.
func rowsWithKeys() map[string]func(row string) string {
	return map[string]func(row string) string{
		"New API":     object(`"id":1,"name":"k","status":1,"remain_quota":5,"expired_time":-1,"setting":null,"deleted_at":null`),
		"LiteLLM":     object(`"key_alias":"k","spend":0,"max_budget":null,"expires":null,"models":[],"blocked":null`),
		"Unkey":       object(`"keyId":"key_1","name":"k","enabled":true`),
		"API Gateway": object(`"name":"k","enabled":true,"usageplanIds":""`),
	}
}

// TestKeys checks which key a token of each system keeps: the hash of the whole
// key as its clients send it, or a problem.
func TestKeys(t *testing.T) {
	hash := func(plain string) []byte { h := sha256.Sum256([]byte(plain)); return h[:] }
	lower := hex.EncodeToString(hash("sk-" + newAPIKey))
	ours := credential.NewKey(1, 2).Reveal()
	for _, c := range []struct{ system, row, key, mask, problem string }{
		{"New API", `"key":"` + newAPIKey + `"`, "sk-" + newAPIKey, "sk-**********0001", ""},
		{"New API", `"key":"sk-` + newAPIKey + `"`, "sk-" + newAPIKey, "sk-**********0001", ""},
		{"New API", `"key":" ` + newAPIKey + `  "`, "sk-" + newAPIKey, "sk-**********0001", ""},
		{"New API", `"key":"abcd**********0001"`, "", "", "is missing or masked"},
		{"New API", `"key":"sk-abcdefghijklmnopqrst...0001"`, "", "", "is missing or masked"},
		{"New API", `"key":"sk-abcdefghijklmnopqrst…0001"`, "", "", "is missing or masked"},
		{"New API", `"key":""`, "", "", "is missing or masked"},
		{"New API", `"key":null`, "", "", "is missing or masked"},
		{"New API", `"key":["` + newAPIKey + `"]`, "", "", "must be a single value"},
		{"New API", `"key":"sk-1234567890123456"`, "", "", "20 to 512"},
		{"New API", `"key":"` + strings.Repeat("a", 510) + `"`, "", "", "20 to 512"},
		{"New API", `"key":"abcdefghij klmnopqrstuvwxyz"`, "", "", "20 to 512"},
		{"New API", `"key":"` + ours + `"`, "", "", "one of Latchkey"},
		{"LiteLLM", `"token":"` + lower + `","key_name":"sk-...0001"`, "sk-" + newAPIKey, "sk-**********0001", ""},
		{"LiteLLM", `"token":"` + strings.ToUpper(lower) + `"`, "sk-" + newAPIKey, "**********", ""},
		{"LiteLLM", `"token":"` + lower + `","key_name":"sk-...` + newAPIKey + `"`, "sk-" + newAPIKey, "sk-**********0001", ""},
		{"LiteLLM", `"token":"sk-` + newAPIKey + `"`, "sk-" + newAPIKey, "sk-**********0001", ""},
		{"LiteLLM", `"token":"sk-...0001"`, "", "", "is masked"},
		{"LiteLLM", `"token":"` + lower[1:] + `"`, "", "", "64 hexadecimal digits"},
		{"LiteLLM", `"token":"` + lower + `00"`, "", "", "64 hexadecimal digits"},
		{"LiteLLM", `"token":"` + lower[:63] + `g"`, "", "", "64 hexadecimal digits"},
		{"LiteLLM", `"token":"` + base64.StdEncoding.EncodeToString(hash("k")) + `"`, "", "", "64 hexadecimal digits"},
		{"LiteLLM", `"token":null,"token_id":"` + lower + `"`, "", "", "64 hexadecimal digits"},
		{"Unkey", `"hash":"` + base64.StdEncoding.EncodeToString(hash(unkeyKey)) + `"`, unkeyKey, "**********", ""},
		{"Unkey", `"hash":"` + base64.URLEncoding.EncodeToString(hash("prod_3ZExample0123456789AB5")) + `"`, "prod_3ZExample0123456789AB5", "**********", ""},
		{"Unkey", `"hash":"` + hex.EncodeToString(hash(unkeyKey)) + `"`, unkeyKey, "**********", ""},
		{"Unkey", `"hash":"` + base64.StdEncoding.EncodeToString(hash(unkeyKey)[1:]) + `"`, "", "", "neither the SHA-256"},
		{"Unkey", `"plaintext":"` + unkeyKey + `"`, unkeyKey, "**********ABCD", ""},
		{"Unkey", `"key":"` + unkeyKey + `"`, unkeyKey, "**********ABCD", ""},
		{"Unkey", `"plaintext":"prod_3Z***************"`, "", "", "is masked"},
		{"Unkey", `"plaintext":"prod_3Z"`, "", "", "20 to 512"},
		{"Unkey", `"plaintext":"` + ours[3:] + `"`, "", "", "one of Latchkey"},
		{"Unkey", `"start":"prod_3Z"`, "", "", "neither the SHA-256"},
		{"API Gateway", `"key":"` + newAPIKey + `"`, newAPIKey, "**********0001", ""},
		{"API Gateway", `"Key":"` + newAPIKey[:20] + `"`, newAPIKey[:20], "**********qrst", ""},
		{"API Gateway", `"value":"` + newAPIKey + `"`, newAPIKey, "**********0001", ""},
		{"API Gateway", `"key":"` + newAPIKey[:19] + `"`, "", "", "20 to 512"},
		{"API Gateway", `"key":"` + strings.Repeat("a", 128) + `"`, strings.Repeat("a", 128), "**********aaaa", ""},
		{"API Gateway", `"key":"` + strings.Repeat("a", 129) + `"`, "", "", "more than 128"},
		{"API Gateway", `"id":"a1b2"`, "", "", "--include-values"},
	} {
		_, row := readOne(t, rowsWithKeys()[c.system](c.row), export.Options{KeepKeys: true})
		switch {
		case c.problem != "":
			if !strings.Contains(row.Problem, c.problem) || row.Key != (export.Key{}) {
				t.Errorf("%s, %s: got %+v and the problem %q, want one with %q", c.system, c.row, row.Key, row.Problem, c.problem)
			}
		case row.Problem != "" || row.Key.Hash != [32]byte(hash(c.key)) || row.Key.Mask != c.mask:
			t.Errorf("%s, %s: got %+v and the problem %q", c.system, c.row, row.Key, row.Problem)
		}
	}
}

// TestShortKeys checks that a warning says so if a key of LiteLLM is too short to be
// accepted here, as far as its shown name tells.
func TestShortKeys(t *testing.T) {
	for plain, shown := range map[string]string{"sk-1234": "sk-...1234", "1234": "sk-...1234", "sk-12345678": "sk-12345678", "sk-" + newAPIKey: "sk-...0001"} {
		_, row := readOne(t, rowsWithKeys()["LiteLLM"](fmt.Sprintf(`"token":"%x","key_name":"%s"`, sha256.Sum256([]byte(plain)), shown)), export.Options{KeepKeys: true})
		if isShort := len(plain) < 20; row.Problem != "" || len(row.Warnings) > 0 != isShort {
			t.Errorf("%s: got %q, %q", shown, row.Problem, row.Warnings)
		}
	}
}

// TestKeysOnlyIfKept checks that an import with new keys does not need the old
// ones.
func TestKeysOnlyIfKept(t *testing.T) {
	for system, file := range rowsWithKeys() {
		if _, row := readOne(t, file(``), export.Options{}); row.Problem != "" || row.Key != (export.Key{}) {
			t.Errorf("%s: got %+v and the problem %q", system, row.Key, row.Problem)
		}
	}
}

// TestSameKeyTwice checks that a file can't have a key twice: the second quota would
// be lost.
func TestSameKeyTwice(t *testing.T) {
	const row = `{"id":%d,"name":"k","status":1,"expired_time":-1,"setting":null,"remain_quota":5,"key":"%s"}`
	content := "[" + fmt.Sprintf(row, 1, newAPIKey) + "," + fmt.Sprintf(row, 2, "sk-"+newAPIKey) + "]"
	f, err := export.Read([]byte(content), export.Options{Now: now, KeepKeys: true})
	if err != nil || len(f.Rows) != 2 || f.Rows[0].Problem != "" || !strings.Contains(f.Rows[1].Problem, "same key as row 1") {
		t.Errorf("got %+v, %v", f.Rows, err)
	}
}

// TestForeign checks the token that is written: its used quota, and that a disabled
// one stays disabled.
func TestForeign(t *testing.T) {
	key := func(row string) string { return `"key":"` + newAPIKey + `",` + row }
	hash := func(row string) string { return `"token":"` + strings.Repeat("ab", 32) + `",` + row }
	for _, c := range []struct {
		system, row string
		used        int64
		disabled    bool
		problem     string
	}{
		{"New API", key(`"used_quota":7`), 7, false, ""},
		{"New API", key(`"used_quota":-7`), 0, false, ""},
		{"New API", key(`"used_quota":null,"status":2`), 0, true, ""},
		{"New API", key(`"used_quota":1.5`), 0, false, "whole number"},
		{"New API", key(`"used_quota":9007199254740992`), 0, false, "more than 9007199254740991 units"},
		{"LiteLLM", hash(`"spend":2.509,"blocked":true`), 250, true, ""},
		{"LiteLLM", hash(`"spend":-1`), 0, false, ""},
		{"LiteLLM", hash(`"spend":"much"`), 0, false, "amount in dollars"},
		{"Unkey", `"plaintext":"` + unkeyKey + `","enabled":false`, 0, true, ""},
	} {
		_, row := readOne(t, rowsWithKeys()[c.system](c.row), export.Options{KeepKeys: true, UnitsPerDollar: 100})
		if c.problem != "" {
			if !strings.Contains(row.Problem, c.problem) {
				t.Errorf("%s, %s: got the problem %q, want one with %q", c.system, c.row, row.Problem, c.problem)
			}
			continue
		}
		got := row.Foreign()
		if row.Problem != "" || got.UsedQuota != c.used || (got.Disabled != nil && *got.Disabled) != c.disabled || got.From == "" {
			t.Errorf("%s, %s: got %+v and the problem %q", c.system, c.row, got, row.Problem)
		}
	}
	for row, want := range map[string]string{`"subnet":""`: "one-api", `"allow_ips":""`: "new-api", `"models":""`: "new-api"} {
		if _, got := readOne(t, rowsWithKeys()["New API"](key(row)), export.Options{KeepKeys: true}); got.Key.From != want {
			t.Errorf("%s: got a key from %q, want %q", row, got.Key.From, want)
		}
	}
	_, row := readOne(t, rowsWithKeys()["LiteLLM"](hash(`"spend":2.5`)), export.Options{KeepKeys: true})
	if row.Problem != "" || row.Used != 0 {
		t.Errorf("a key without a budget and without --units-per-dollar: got %d used and the problem %q", row.Used, row.Problem)
	}
}

// FuzzKeys checks that whatever a file says of a key, a masked key is never kept, a
// kept key can be used, and no message and no mask shows the key.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{newAPIKey, "sk-" + newAPIKey, "abcd**********0001", "sk-...0001", strings.Repeat("ab", 32), "z5vMcJNn4tnvlwp/mq/S4Jks1THH6dPKrd44eSD+74c=", "", "\x00", "sk-sk-sk-sk-sk-sk-sk-"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, value, name string) {
		quoted, _ := json.Marshal(value) // a string
		shown, _ := json.Marshal(name)
		for system, row := range map[string]string{
			"New API": `"key":%s`, "LiteLLM": `"token":%s,"key_name":` + strings.ReplaceAll(string(shown), "%", "%%"), "Unkey": `"plaintext":%s`, "API Gateway": `"key":%s`,
		} {
			file, err := export.Read([]byte(rowsWithKeys()[system](fmt.Sprintf(row, quoted))), export.Options{Now: now, KeepKeys: true})
			if err != nil || len(file.Rows) != 1 {
				continue
			}
			r := file.Rows[0]
			masked := strings.ContainsAny(value, "*…") || strings.Contains(value, "...")
			kept := r.Key != (export.Key{})
			switch {
			case kept && (masked || r.Problem != ""):
				t.Errorf("%s: %q is kept, with the problem %q", system, value, r.Problem)
			case !kept && r.Problem == "" && r.Skip == "":
				t.Errorf("%s: %q has neither a key nor a problem", system, value)
			case kept && len(r.Key.Mask) > len("sk-**********abcd"):
				t.Errorf("%s: %q has the mask %q", system, value, r.Key.Mask)
			case len(value) >= credential.MinForeignKeyLength && strings.Contains(r.Problem, value):
				t.Errorf("%s: the problem %q shows %q", system, r.Problem, value)
			}
		}
	})
}
