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
	"github.com/latchkey-api/latchkey/shared/credential"
)

const now = 1_760_000_000

// shown formats a file for a golden file.
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

// TestDialects compares each dialect with a golden file.
func TestDialects(t *testing.T) {
	for _, name := range []string{"newapi.json", "newapi.csv", "oneapi.jsonl", "litellm.json", "apigateway.csv", "apigateway.json", "unkey.json", "latchkey.json"} {
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

// TestShapesOfFiles checks that tokens are found in each shape of file that the
// systems write.
func TestShapesOfFiles(t *testing.T) {
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

// TestUnreadableFiles checks the error for each kind of file that is not an export.
func TestUnreadableFiles(t *testing.T) {
	for content, want := range map[string]string{
		"":                            "it is empty",
		"\xff\xfea\x00":               "it is not in UTF-8: save it again in that encoding",
		`[{"name":"a"}`:               "it ends in the middle of what begins in line 1: it is cut off, so export it again",
		"{\"name\":\"a\"}\n\n{\"name": "it ends in the middle of what begins in line 3: it is cut off, so export it again",
		`[{"name":"a"}] x`:            "it is not valid JSON in or after line 1: export it again",
		`[{"name":"a"}]{"a":1}`:       "it has more content after its list: keep lists alone, or one object per line",
		`{"keys":["5f2c"]}`:           "row 1 is not an object: export whole tokens; for LiteLLM use return_full_object=true",
		"colour,size\nred,1\n":        "it has no column of an export of New API, One API, LiteLLM, API Gateway or Unkey, such as name or remain_quota: check that it is such an export and, if it is CSV, that it has a header row",
		"name,Name\na,b\n":            `it has the column "Name" twice: remove one`,
		"name,name\na,b\n":            `it has the column "name" twice: remove one`,
		"name,group\na,\"b\nc,d\n":    "row 2 is not valid CSV, or the file ends in it: check the quotes, or export it again",
		"Name,key\na,b\n":             "it has only the columns name and key, and does not say of which system they are: export whole rows or, for API Gateway, the columns Enabled and UsageplanIds, too",
		"name,remain_quota":           "it contains no tokens",
		`{"data":{"items":[]}}`:       "it contains no tokens",
		"name,group\na,\"b\"\"\nc\n":  "row 2 is not valid CSV, or the file ends in it: check the quotes, or export it again",
	} {
		if _, err := export.Read([]byte(content), export.Options{Now: now}); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

// TestMessagesShowNoKey puts a key into each column, as in a file without a header
// or with a shifted one, and checks that no message contains it.
func TestMessagesShowNoKey(t *testing.T) {
	key := credential.NewKey(1, 1).Reveal()
	columns := []string{"name", "id", "status", "remain_quota", "unlimited_quota", "expired_time", "models", "model_limits_enabled", "allow_ips", "group", "deleted_at", "windows", "model_quotas", "max_concurrent"}
	for _, content := range []string{
		key + ",name\n1,2\n", key + "," + key + "\n1,2\n",
		strings.Join(columns, ",") + "\n" + strings.Repeat(key+",", len(columns)-1) + key + "\n",
		strings.Join(columns, ",") + "\n" + key + "\n",
		"key_alias,max_budget,spend,expires,blocked\n" + strings.Repeat(key+",", 4) + key + "\n",
		"name,remain_quota,other," + key + "\nk,1," + key + ",1\n",
		"name,remain_quota,other\nk,1,{\"token\": \"" + key + "\"}\n",
		`[{"name":"k","other":{"a":["` + key + `"]}}]`,
		"keyId,expires,remaining,enabled\n" + strings.Repeat(key+",", 3) + key + "\n",
	} {
		f, err := export.Read([]byte(content), export.Options{Now: now, UnitsPerDollar: 1})
		said := fmt.Sprint(err, f.Warnings, f.Unknown)
		for _, r := range f.Rows {
			said += fmt.Sprint(r.Problem, r.Skip, r.Warnings)
		}
		if strings.Contains(said, key[:20]) {
			t.Error("a message contains a key")
		}
	}
}

// TestPatternsNeverWiden checks that a "*" in a list of models is imported only if
// it has the same meaning in the other system.
func TestPatternsNeverWiden(t *testing.T) {
	const refused = "literally"
	for content, want := range map[string]string{ // a part of the problem
		`{"name":"a","remain_quota":1,"model_limits":"gpt-4o,gpt-5*"}`:                                   refused,
		`{"name":"a","remain_quota":1,"model_limits":"*"}`:                                               refused,
		`{"name":"a","remain_quota":1,"models":"gpt-5*","subnet":""}`:                                    refused,
		`{"name":"a","remain_quota":1,"model_limits":"gpt-4-gizmo-*,gemini-2.5-pro-thinking-*"}`:         "",
		`{"name":"a","remain_quota":1,"models":["gpt-5*"],"model_limits":"gpt-5*"}`:                      "", // from Latchkey
		`{"name":"a","remain_quota":1,"models":["gpt-*-mini"],"model_limits":"gpt-*-mini"}`:              "at the end of a name",
		`{"key_alias":"a","max_budget":null,"blocked":null,"expires":null,"models":["*"]}`:               "",
		`{"key_alias":"a","max_budget":null,"blocked":null,"expires":null,"models":["openai/*"]}`:        "",
		`{"key_alias":"a","max_budget":null,"blocked":null,"expires":null,"models":["bedrock/*-haiku"]}`: "at the end of a name",
	} {
		f, err := export.Read([]byte(content), export.Options{Now: now})
		if err != nil || len(f.Rows) != 1 || (f.Rows[0].Problem == "") != (want == "") || !strings.Contains(f.Rows[0].Problem, want) {
			t.Errorf("%s: got %+v, %v, want a problem with %q", content, f.Rows, err, want)
		}
	}
}

// TestListUnderTwoNames checks that a list that came under two names is imported
// only if both say the same, or one says nothing.
func TestListUnderTwoNames(t *testing.T) {
	for fields, want := range map[string]string{ // models and addresses, or a part of the problem
		`"models":["a","b"],"model_limits":"b, a"`:                  "[a b] []",
		`"models":[],"model_limits":"b"`:                            "[b] []",
		`"models":"a","model_limits":""`:                            "[a] []",
		`"models":["a"],"model_limits":"b"`:                         "models and model_limits are two names of one list",
		`"allow_ips":"1.2.3.4\n1.2.3.5","subnet":"1.2.3.5,1.2.3.4"`: "[] [1.2.3.4 1.2.3.5]",
		`"allow_ips":"","subnet":"10.0.0.0/8"`:                      "[] [10.0.0.0/8]",
		`"allow_ips":"1.2.3.4","subnet":"10.0.0.0/8"`:               "allow_ips and subnet are two names of one list",
	} {
		f, err := export.Read([]byte(`{"name":"a","remain_quota":1,`+fields+`}`), export.Options{Now: now})
		if err != nil || len(f.Rows) != 1 {
			t.Fatalf("%s: got %+v, %v", fields, f.Rows, err)
		}
		row := f.Rows[0]
		if got := fmt.Sprint(row.Token.Models, " ", row.Token.AllowIPs, row.Problem); !strings.HasPrefix(got, want) && !strings.Contains(row.Problem, want) {
			t.Errorf("%s: got %s, want %s", fields, got, want)
		}
	}
}

// TestBudgetNeedsUnitsPerDollar checks that a budget in dollars is refused without
// UnitsPerDollar.
func TestBudgetNeedsUnitsPerDollar(t *testing.T) {
	f, err := export.Read([]byte(`[{"key_alias":"a","max_budget":1,"spend":0,"models":[],"blocked":null,"expires":null},{"key_alias":"b","max_budget":null,"models":[],"blocked":null,"expires":null}]`), export.Options{Now: now})
	if err != nil || !strings.Contains(f.Rows[0].Problem, "--units-per-dollar") || f.Rows[1].Problem != "" {
		t.Errorf("got %+v, %v; want the first refused alone", f.Rows, err)
	}
}

// TestFieldInTwoSpellings checks that a row with the same field in upper and lower
// case is always refused.
func TestFieldInTwoSpellings(t *testing.T) {
	for range 20 {
		f, err := export.Read([]byte(`[{"name":"a","remain_quota":1,"Remain_Quota":2},{"name":"b","remain_quota":1}]`), export.Options{Now: now})
		if err != nil || f.Rows[0].Problem != "it has the same field twice, perhaps in upper and in lower case: remove one" || f.Rows[1].Problem != "" {
			t.Fatalf("got %+v, %v; want the first row refused", f.Rows, err)
		}
	}
}

// TestTokensAreNormalized checks that repetitions are removed before a token is
// sent: with them a list may be too large for the API.
func TestTokensAreNormalized(t *testing.T) {
	models := strings.Repeat(`"gpt-4o", "o3",`, 10_000)
	f, err := export.Read([]byte(`[{"name":" a ","models":[`+models+`"m"],"allow_ips":"10.0.0.1/8\n10.0.0.2/8"}]`), export.Options{Now: now})
	if err != nil || f.Rows[0].Problem != "" {
		t.Fatalf("got %+v, %v", f, err)
	}
	got := f.Rows[0].Token
	if diff := cmp.Diff([][]string{{*got.Name}, got.Models, got.AllowIPs}, [][]string{{"a"}, {"gpt-4o", "o3", "m"}, {"10.0.0.0/8"}}); diff != "" {
		t.Error(diff)
	}
}

// TestOldIDLimits checks the limits of an old ID.
func TestOldIDLimits(t *testing.T) {
	for id, want := range map[string]string{
		strings.Repeat("a", 256): "",
		strings.Repeat("a", 257): "its ID must have at most 256 characters",
		"a\u202eb":               "its ID must not contain control or bidirectional-override characters",
	} {
		f, err := export.Read(fmt.Appendf(nil, `[{"id":%q,"name":"a","status":1,"expired_time":-1,"setting":null,"deleted_at":null,"remain_quota":1}]`, id), export.Options{Now: now})
		if err != nil || f.Rows[0].Problem != want {
			t.Errorf("%.10q: got %+v, %v; want %q", id, f.Rows, err, want)
		}
	}
}

// TestEmptyRows checks that empty rows of a spreadsheet are ignored.
func TestEmptyRows(t *testing.T) {
	f, err := export.Read([]byte("name;remain_quota\na;1\n;\n;\nb;1\n;\n"), export.Options{Now: now})
	if err != nil || len(f.Rows) != 2 || f.Rows[1].Number != 5 || f.Rows[1].Problem != "" {
		t.Errorf("got %+v, %v; want two rows", f.Rows, err)
	}
}

// FuzzRead checks that Read never panics and that a row without a problem follows
// the rules of the API.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"newapi.json", "newapi.csv", "oneapi.jsonl", "litellm.json", "apigateway.csv", "apigateway.json", "unkey.json", "latchkey.json"} {
		content, err := os.ReadFile(filepath.Join("testdata", name)) //nolint:gosec // our own folder
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, content := range []string{
		"token,key_alias,spend,expires,models,blocked,max_budget,metadata\n5f,k,0,\\N,\"{a,\"\"b\"\"}\",NULL,,{}\n",
		"id;name;remain_quota;model_limits\n1;k;5;\"['a', 'b']\"\n2;l;5;",
		`{"data":[{"keyId":"k1","name":"k","ratelimits":[{"limit":1,"duration":60000,"autoApply":true}]}],"pagination":{"hasMore":true}}{"data":[{"keyId":"k2","name":"l"}]}`,
		`[{"name":"k","remain_quota":1,"setting":"{\"limits\":{\"limits_ip_setting\":{\"enabled\":true,\"whitelist\":[\"10.0.0.1\"]}}}"}]`,
		`[{"token":"5f","key_alias":"k","spend":0,"max_budget":1,"expires":null,"models":[],"blocked":null,"litellm_budget_table":{"max_budget":2,"budget_duration":"1mo"}}]`,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := export.Read(content, export.Options{Now: now, UnitsPerDollar: 1, RestartWindows: true})
		if err != nil {
			return
		}
		for _, r := range file.Rows {
			if _, err := export.Check(r.Token, now); err != nil && r.Problem == "" && r.Skip == "" {
				t.Errorf("row %d is good and breaks a rule: %v", r.Number, err)
			}
		}
	})
}
