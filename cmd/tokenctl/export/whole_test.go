package export_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// TestPagesAreNotTheWhole checks that a page of an API is refused while others
// follow, and that all pages in one file are read.
func TestPagesAreNotTheWhole(t *testing.T) {
	key := func(n int) string { return fmt.Sprintf(`{"keyId":"key_%d","name":"k"}`, n) }
	token := func(n int) string {
		return fmt.Sprintf(`{"id":%d,"name":"k","status":1,"expired_time":-1,"setting":null,"remain_quota":1}`, n)
	}
	for _, c := range []struct {
		content, want string // a part of the error
		rows          int
	}{
		{`{"data":[` + key(1) + `],"pagination":{"cursor":"key_2","hasMore":true}}`, "more tokens follow", 0},
		{`{"data":[` + key(1) + `],"pagination":{"hasMore":true}}` + `{"data":[` + key(2) + `],"pagination":{"hasMore":false}}`, "", 2},
		{`{"data":[` + key(1) + `],"pagination":{"hasMore":false}}`, "", 1},
		{`{"keys":[` + key(1) + `],"cursor":"key_2"}`, "more tokens follow", 0},
		{`{"keys":[` + key(1) + `],"total":2}`, "1 of 2 tokens", 0},
		{`{"keys":[` + token(1) + `],"total_pages":2,"current_page":1}`, "1 of 2 pages", 0},
		{`{"keys":[` + token(1) + `],"total_pages":2}` + `{"keys":[` + token(2) + `],"total_pages":2}`, "", 2},
		{`{"data":{"data":[` + token(1) + `],"total_count":2,"page":1,"size":1}}`, "1 of 2 tokens", 0},
		{`{"data":{"items":[` + token(1) + `],"total":2,"page":1}}{"data":{"items":[` + token(2) + `],"total":2,"page":2}}`, "", 2},
		{`{"items":[` + token(1) + `],"page_size":1,"next":7}`, "more tokens follow", 0},
		{`{"items":[` + token(1) + `],"page_size":1,"next":0}`, "", 1},
		{`[` + token(1) + `][` + token(2) + `]`, "", 2},
		{`[{"type":"header","name":"x"},{"type":"table","name":"tokens","data":[` + token(1) + `,` + token(2) + `]}]`, "", 2},
		{`[` + token(1) + `]{"page":1}`, "keep lists alone", 0},
	} {
		f, err := export.Read([]byte(c.content), export.Options{Now: now})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || len(f.Rows) != c.rows {
			t.Errorf("%s: got %d rows, %v; want %d and %q", c.content, len(f.Rows), err, c.rows, c.want)
		}
	}
	ten := `{"success":true,"data":[` + strings.TrimSuffix(strings.Repeat(`{"name":"k","remain_quota":1},`, 10), ",") + `]}`
	if f, err := export.Read([]byte(ten), export.Options{Now: now}); err != nil || len(f.Warnings) != 1 {
		t.Errorf("ten tokens without a total: got %q, %v; want a warning", f.Warnings, err)
	}
}

// TestPageTwice checks that a token that is twice in a file is not created twice.
func TestPageTwice(t *testing.T) {
	f, err := export.Read([]byte("id,name,remain_quota,status,expired_time,models,subnet\n1,a,5,1,-1,,\n2,b,5,1,-1,,\n1,a,5,1,-1,,\n"), export.Options{Now: now})
	if err != nil || f.Rows[1].Problem != "" || !strings.Contains(f.Rows[2].Problem, "same ID as row 2") {
		t.Errorf("got %+v, %v; want the last row refused", f.Rows, err)
	}
}

// TestCutOffRows checks that the end of a file that may be cut off is not imported.
func TestCutOffRows(t *testing.T) {
	const header = "name,remain_quota,deleted_at\n"
	for row, want := range map[string]string{
		"a,1,2026-01-01\n":    "skipped",
		"a,1,":                "cut off", // the time of deletion is lost
		"a,1,2026":            "cut off",
		"a,1":                 "cut off",
		"a,1,\n":              "",
		"a,1,\"2026-01-01\"":  "skipped",
		"a,1,\"\"":            "",
		"\"a\",1,\r\n":        "",
		"a,1,2026-01-01,x\n":  "4 fields but the header has 3",
		"\"a\nb\",1,2026\"\n": "not valid CSV",
	} {
		f, err := export.Read([]byte(header+row), export.Options{Now: now})
		var got string
		switch {
		case err != nil:
			got = err.Error()
		case f.Rows[0].Skip != "":
			got = "skipped"
		default:
			got = f.Rows[0].Problem
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", row, got, want)
		}
	}
}

// TestPlacesOfProblems checks that a problem names its line and column.
func TestPlacesOfProblems(t *testing.T) {
	type place struct {
		Row, Line int
		Column    string
	}
	for content, want := range map[string]place{
		"name,allow_ips,remain_quota\n\"a\",\"10.0.0.1\n10.0.0.2\",1\n\nb,,many\n":                               {3, 5, "remain_quota"},
		"name,remain_quota\na,1\n,1\n":                                                                           {3, 3, "name"},
		"[\n{\"name\":\"a\",\"remain_quota\":1},\n{\"name\":\"b\",\n\"remain_quota\":1.5}\n]":                    {2, 3, "remain_quota"},
		"{\"name\":\"a\",\"remain_quota\":1}\n{\"name\":\"b\",\"windows\":[{\"period\":\"day\",\"quota\":0}]}\n": {2, 2, "windows"},
	} {
		f, err := export.Read([]byte(content), export.Options{Now: now})
		if err != nil || len(f.Rows) != 2 || f.Rows[0].Problem != "" || f.Rows[1].Problem == "" {
			t.Errorf("%q: got %+v, %v", content, f.Rows, err)
			continue
		}
		if diff := cmp.Diff(want, place{f.Rows[1].Number, f.Rows[1].Line, f.Rows[1].Column}); diff != "" {
			t.Errorf("%q: %s", content, diff)
		}
	}
}

// TestIgnoreColumns checks which columns can be ignored.
func TestIgnoreColumns(t *testing.T) {
	const key = `[{"token":"5f2c","key_alias":"k","spend":0,"max_budget":null,"expires":null,"models":[],"blocked":null,"team_id":"t","tpm_limit":5,"metadata":{"note":"x","guardrails":["g"]}}]`
	for _, c := range []struct {
		ignored []string
		want    string // a part of the error, the problem, or the unknown column
	}{
		{nil, "guardrails restricts"},
		{[]string{"metadata.guardrails"}, "team_id is"},
		{[]string{"team_id"}, "guardrails restricts"},
		{[]string{"team_id", "metadata"}, "guardrails restricts"}, // it must be named itself
		{[]string{"team_id", "metadata.guardrails"}, "metadata.note"},
		{[]string{"TEAM_ID", "metadata.guardrails", "metadata.note"}, ""},
		{[]string{"team_id", "metadata.guardrails", "metadata", "tpm_limit"}, ""},
		{[]string{"max_budget"}, "max_budget is imported"},
		{[]string{"expires"}, "expires is imported"},
	} {
		f, err := export.Read([]byte(key), export.Options{Now: now, IgnoreColumns: c.ignored})
		got := fmt.Sprint(err)
		if err == nil {
			if got = f.Rows[0].Problem; got == "" && len(f.Unknown) > 0 {
				got = f.Unknown[0].Name
			}
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.ignored, got, c.want)
		}
	}
}

// TestUnknownColumns checks what is said of columns that are not known.
func TestUnknownColumns(t *testing.T) {
	f, err := export.Read([]byte("name,remain_quota,,Region,secret,none\na,1,0,eu,"+strings.Repeat("k7", 24)+",\nb,1,1,eu,,\nc,1,2,"+strings.Repeat("x ", 30)+",,NULL\nd,1,3,,,\n"), export.Options{Now: now})
	want := []export.Column{
		{Name: "column 3", Rows: 4, Values: []string{"0", "1", "2"}},
		{Name: "region", Rows: 3, Values: []string{"eu", strings.Repeat("x ", 20) + "…"}},
		{Name: "secret", Rows: 1, Values: []string{"k7k7…"}},
	}
	if diff := cmp.Diff(want, f.Unknown); err != nil || diff != "" {
		t.Errorf("got %v: %s", err, diff)
	}
}
