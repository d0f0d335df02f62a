package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

const now = 1_760_000_000

// shown is a file as a reviewer reads it.
func shown(f export.File) string {
	var text strings.Builder
	_, _ = fmt.Fprintln(&text, f.Dialect) // a Builder never fails
	for _, w := range f.Warnings {
		_, _ = fmt.Fprintln(&text, "warning:", w)
	}
	for _, r := range f.Rows {
		content, _ := json.Marshal(r.Token)
		switch {
		case r.Skip != "":
			content = []byte("skipped: " + r.Skip)
		case r.Problem != "":
			content = []byte("bad: " + r.Problem)
		}
		_, _ = fmt.Fprintf(&text, "%d %q %s %v\n", r.Number, r.OldID, content, r.Warnings)
	}
	return text.String()
}

func TestEachDialectIsReadAsInTheGoldenFiles(t *testing.T) {
	for _, name := range []string{"newapi.json", "newapi.csv", "oneapi.jsonl", "litellm.json", "unkey.json"} {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", name)) //nolint:gosec // our own folder
			if err != nil {
				t.Fatal(err)
			}
			f, err := export.Read(content, export.Options{Now: now, UnitsPerDollar: 500_000})
			if err != nil {
				t.Fatal(err)
			}
			file, got := filepath.Join("testdata", name+".golden"), shown(f)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file) //nolint:gosec // our own folder
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("differs (-want +got); renew with UPDATE_GOLDEN=1:\n%s", diff)
			}
		})
	}
}

func TestListsAreFoundWhereSystemsPutThem(t *testing.T) {
	const one = `{"name":"a","remain_quota":1}`
	for _, content := range []string{
		`[` + one + `]`, one, one + "\n", `{"data":[` + one + `]}`, `{"data":{"items":[` + one + `]}}`, `{"items":[` + one + `]}`,
		`{"tokens":[` + one + `]}`, `{"keys":[` + one + `]}`, "\xEF\xBB\xBF[" + one + "]", "name,remain_quota\na,1\n", "name;remain_quota\r\na;1\r\n",
	} {
		f, err := export.Read([]byte(content), export.Options{Now: now})
		if err != nil || len(f.Rows) != 1 || f.Rows[0].Problem != "" || *f.Rows[0].Token.RemainQuota != 1 || len(f.Warnings) != 0 {
			t.Errorf("%s: got %+v, %v", content, f, err)
		}
	}
}

func TestWhatIsNoExportIsSaid(t *testing.T) {
	for content, want := range map[string]string{
		"":                           "it is empty",
		"\xff\xfea\x00":              "it is not UTF-8: save it again in that encoding",
		`[{"name":"a"}`:              "it is not valid JSON after byte 0: export it again",
		`[{"name":"a"}] x`:           "it is not valid JSON after byte 14: export it again",
		`[{"name":"a"}][]`:           "it goes on after its JSON value: keep one list, or one object a line",
		`{"keys":["5f2c"]}`:          "row 1 is no object: export whole tokens, from LiteLLM with return_full_object=true",
		"colour,size\nred,1\n":       "it has none of the columns that an export of New API, One API, LiteLLM or Unkey has, such as name and remain_quota: check that it is one, with a header row if it is CSV",
		"name,name\na,b\n":           `it has the column "name" twice: remove one`,
		"name,group\na,\"b\nc,d\n":   "row 2 can't be read: check the quotes",
		"name,remain_quota":          "there are no tokens in it",
		`{"data":{"items":[]}}`:      "there are no tokens in it",
		"name,group\na,\"b\"\"\nc\n": "row 2 can't be read: check the quotes",
	} {
		if _, err := export.Read([]byte(content), export.Options{Now: now}); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

// TestNoSentenceShowsAKey puts one where each column should be, as a file
// without a header, or with a shifted one, does.
func TestNoSentenceShowsAKey(t *testing.T) {
	key := token.NewKey(1, 1).Reveal()
	columns := []string{"name", "id", "status", "remain_quota", "unlimited_quota", "expired_time", "models", "model_limits_enabled", "allow_ips", "group", "deleted_at"}
	for _, content := range []string{
		key + ",name\n1,2\n", key + "," + key + "\n1,2\n",
		strings.Join(columns, ",") + "\n" + strings.Repeat(key+",", len(columns)-1) + key + "\n",
		strings.Join(columns, ",") + "\n" + key + "\n",
		"key_alias,max_budget,spend,expires,blocked\n" + strings.Repeat(key+",", 4) + key + "\n",
		"keyId,expires,remaining,enabled\n" + strings.Repeat(key+",", 3) + key + "\n",
	} {
		f, err := export.Read([]byte(content), export.Options{Now: now, UnitsPerDollar: 1})
		said := fmt.Sprint(err, f.Warnings)
		for _, r := range f.Rows {
			said += fmt.Sprint(r.Problem, r.Skip, r.Warnings)
		}
		if strings.Contains(said, key[:20]) {
			t.Error("a sentence shows a key")
		}
	}
}

func TestABudgetNeedsThePriceOfAUnit(t *testing.T) {
	f, err := export.Read([]byte(`[{"key_alias":"a","max_budget":1},{"key_alias":"b","max_budget":null}]`), export.Options{Now: now})
	if err != nil || !strings.Contains(f.Rows[0].Problem, "--units-per-dollar") || f.Rows[1].Problem != "" {
		t.Errorf("got %+v, %v; want the first refused alone", f.Rows, err)
	}
}

// FuzzRead: whatever a file holds, it is read or refused, and no row that may
// be imported breaks the API's rules.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"newapi.json", "newapi.csv", "oneapi.jsonl", "litellm.json", "unkey.json"} {
		content, err := os.ReadFile(filepath.Join("testdata", name)) //nolint:gosec // our own folder
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := export.Read(content, export.Options{Now: now, UnitsPerDollar: 1})
		if err != nil {
			return
		}
		for _, r := range file.Rows {
			if err := export.Check(r.Token, now); err != nil && r.Problem == "" && r.Skip == "" {
				t.Errorf("row %d is good and breaks a rule: %v", r.Number, err)
			}
		}
	})
}
