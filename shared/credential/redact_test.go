package credential_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/credential"
)

const hidden = "**********"

// TestRedact checks what the pattern matches: every form in which a
// credential can appear in a log or a message, and no mask or ordinary word.
func TestRedact(t *testing.T) {
	t.Parallel()
	key, access := credential.NewKey(1, 2).Reveal(), credential.NewAccessToken(1, 0).Reveal()
	for name, row := range map[string]struct{ text, want string }{
		"a key":                    {key, "sk-" + hidden},
		"an access token":          {access, "at-" + hidden},
		"inside a sentence":        {"use " + key + ", please", "use sk-" + hidden + ", please"},
		"two of them":              {key + " " + access, "sk-" + hidden + " at-" + hidden},
		"after an underscore":      {"my_sk-proj-1234", "my_sk-" + hidden},
		"after a letter":           {"my" + key, "mysk-" + hidden},
		"another's after a letter": {"mysk-proj0123456789abcdefghij", "mysk-" + hidden},
		"a project key":            {"sk-proj-a_b-c_d", "sk-" + hidden},
		"a short key":              {"sk-12345678", "sk-" + hidden},
		"without its prefix":       {`{"key":"` + key[3:] + `"}`, `{"key":"` + hidden + `"}`},
		"without it, in a word":    {"x" + key[3:], ""},
		"without it, mistyped":     {"key " + strings.ToUpper(key[3:]), ""},
		"upper case":               {"SK-ABCDEFGH", "SK-" + hidden},
		"mixed case":               {"At-ABCDefgh", "At-" + hidden},
		"in JSON":                  {`{"key":"` + key + `"}`, `{"key":"sk-` + hidden + `"}`},
		"after a JSON line feed":   {`"a\nsk-proj-1234"`, `"a\nsk-` + hidden + `"`},
		"after a JSON code point":  {`"\u003csk-proj-1234\u003e"`, `"\u003csk-` + hidden + `\u003e"`},
		"in a query string":        {"/x?key=" + key + "&p=1", "/x?key=sk-" + hidden + "&p=1"},
		"after a URL escape":       {"Bearer%20sk-proj-1234", "Bearer%20sk-" + hidden},
		"after a whole URL escape": {"?a=%22" + key + "%22", "?a=%22sk-" + hidden + "%22"},

		"a webhook's secret":       {`{"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+/=="}`, `{"secret":"whsec_` + hidden + `"}`},
		"a webhook's short secret": {"whsec_1234567", ""},

		"a mask":                 {credential.NewKey(1, 2).Mask(), ""},
		"a mask after a word":    {"key " + credential.NewAccessToken(1, 0).Mask(), ""},
		"ten stars":              {"sk-" + hidden, ""},
		"seven characters":       {"sk-1234567", ""},
		"a prefix alone":         {"a key begins with sk- and then", ""},
		"task-management":        {"task-management", ""},
		"at-least-once":          {"delivery is at-least-once here", ""},
		"after a long s":         {"\u017fsk-proj-1234", "\u017fsk-" + hidden},
		"risk-assessment":        {"risk-assessment and disk-encryption", ""},
		"a word that ends in at": {"that-is-what-counts", ""},
		"nothing":                {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := row.want
			if want == "" {
				want = row.text
			}
			if got := credential.Redact(row.text); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if found := credential.Find(row.text, 0); (found != "") != (row.want != "") {
				t.Errorf("Find returns %q", found)
			}
		})
	}
}

// TestRedactAnyText checks that a credential is redacted in any surrounding text,
// and that redacting twice equals redacting once.
func TestRedactAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		secret := credential.NewKey(rapid.Int64Range(1, 1<<40-1).Draw(rt, "user"), 1).Secret
		if rapid.Bool().Draw(rt, "access token") {
			secret = credential.NewAccessToken(1, 0).Secret
		}
		around := rapid.StringOf(rapid.SampledFrom([]rune(`aZ09 _-%\n"':/?&=*é` + "\n")))
		text := around.Draw(rt, "before") + secret.Reveal() + around.Draw(rt, "after")
		switch rapid.SampledFrom([]string{"plain", "JSON", "URL", "upper case"}).Draw(rt, "form") {
		case "JSON":
			text = strconv.Quote(text)
		case "URL":
			text = url.QueryEscape(text)
		case "upper case":
			text = strings.ToUpper(text)
		}
		redacted := credential.Redact(text)
		if middle := secret.Reveal()[7:40]; strings.Contains(strings.ToLower(redacted), strings.ToLower(middle)) {
			rt.Fatalf("%q is redacted to %q", text, redacted)
		}
		if again := credential.Redact(redacted); again != redacted {
			rt.Fatalf("redacted twice: got %q, want %q", again, redacted)
		}
	})
}

// TestFind checks that Find and FindAll return whole credentials of at least
// the length asked for, in order.
func TestFind(t *testing.T) {
	t.Parallel()
	const text = "sk-12345678 at-proj1234567890 SK-abcdefghijklmnopqrstuvwxyz"
	for minLength, want := range map[int]string{
		0:  text,
		8:  text,
		9:  "at-proj1234567890 SK-abcdefghijklmnopqrstuvwxyz",
		26: "SK-abcdefghijklmnopqrstuvwxyz",
		27: "",
	} {
		if got := strings.Join(credential.FindAll(text, minLength), " "); got != want {
			t.Errorf("%d characters: FindAll returns %q, want %q", minLength, got, want)
		}
		first, _, _ := strings.Cut(want, " ")
		if got := credential.Find(text, minLength); got != first {
			t.Errorf("%d characters: Find returns %q, want %q", minLength, got, first)
		}
	}
}

// TestBearer checks which part of an authorization value is the credential.
func TestBearer(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"Bearer sk-x": "sk-x", "bearer  sk-x": "sk-x", "BEARER\tsk-x ": "sk-x", " sk-x ": "sk-x",
		"": "", " ": "", "Bearer": "", "bearer ": "", "Bearersk-x": "Bearersk-x",
	} {
		if got := credential.Bearer(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
