package export_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// TestLimits checks that an import never grants more than the windows, model
// quotas and rates of the source: they are imported as they are, or the row is
// refused.
func TestLimits(t *testing.T) {
	const partlyUsed = "partly used"
	for _, c := range []struct{ name, limits, want, problem string }{
		{"none", ``, `{}`, ""},
		{
			"all",
			`"windows":[{"period":"5h","quota":9,"used":0,"remaining":9,"resets_at":0},{"period":"week","quota":8,"timezone":"Asia/Tokyo","anchor":{"hour":6,"weekday":7},"used":0,"remaining":8,"resets_at":1760000009}],"requests_per_minute":5,"units_per_minute":6,"max_concurrent":7,"resets_at":0`,
			`{"windows":[{"period":"5h","quota":9},{"period":"week","quota":8,"timezone":"Asia/Tokyo","anchor":{"hour":6,"weekday":7}}],"requests_per_minute":5,"units_per_minute":6,"max_concurrent":7}`, "",
		},
		{"what is left for a model", `"model_quotas":[{"model":"gpt-5*","quota":9,"used":4,"remaining":3},{"model":"m","quota":5,"used":9,"remaining":0},{"model":"n","quota":5}]`, `{"model_quotas":[{"model":"gpt-5*","quota":3},{"model":"m","quota":0},{"model":"n","quota":5}]}`, ""},
		{"used window", `"windows":[{"period":"day","quota":9,"used":1,"remaining":8,"resets_at":1760000001}]`, "", partlyUsed},
		{"held window", `"windows":[{"period":"day","quota":9,"used":0,"remaining":8,"resets_at":1760000001}]`, "", partlyUsed},
		{"used window without an end", `"windows":[{"period":"day","quota":9,"used":1}]`, "", partlyUsed},
		{"window that has ended since", `"windows":[{"period":"day","quota":9,"used":9,"remaining":0,"resets_at":1760000000}]`, `{"windows":[{"period":"day","quota":9}]}`, ""},
		{"unknown field of a window", `"windows":[{"period":"day","quota":9,"spread":true}]`, "", "no other fields"},
		{"window that breaks a rule", `"windows":[{"period":"day","quota":9,"anchor":{"hour":24}}]`, "", "hour must be from 0 to 23"},
		{"window without a quota", `"windows":[{"period":"day"}]`, "", "windows[0].quota must be"},
		{"windows in a text", `"windows":"[{\"period\":\"day\",\"quota\":9}]"`, `{"windows":[{"period":"day","quota":9}]}`, ""},
		{"windows in another form", `"windows":{"day":9}`, "", "windows must be a list"},
		{"two lists", `"windows":"[][]"`, "", "windows must be a list"},
		{"raised quota", `"extra":{"units":5,"remaining":5,"until":1760000009}`, "", "is raised for a while"},
		{"quota that is not raised", `"extra":null`, "{}", ""},
		{"raised window", `"windows":[{"period":"day","quota":9,"used":0,"remaining":14,"resets_at":1760000001,"extra":{"units":5,"remaining":5,"until":1760000009}}]`, "", "is raised for a while"},
		{"model quota that overflows", `"model_quotas":[{"model":"m","quota":-9,"used":9223372036854775807}]`, "", "quota must be"},
		{"model quota without a model", `"model_quotas":[{"quota":9}]`, "", "model"},
		{"rate that is no number", `"units_per_minute":"many"`, "", "units_per_minute must be a whole number"},
		{"too many holds", `"max_concurrent":51`, "", "max_concurrent must be between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := `{"name":"a","remain_quota":1,` + c.limits + `}`
			f, err := export.Read([]byte(strings.Replace(content, ",}", "}", 1)), export.Options{Now: now})
			if err != nil || len(f.Rows) != 1 || len(f.Warnings) > 0 {
				t.Fatalf("got %+v, %v; want one row without a warning", f, err)
			}
			row := f.Rows[0]
			got, _ := json.Marshal(row.Token.LimitsInput)
			switch {
			case c.problem != "" && !strings.Contains(row.Problem, c.problem):
				t.Errorf("got the problem %q, want one with %q", row.Problem, c.problem)
			case c.problem == "" && (row.Problem != "" || string(got) != c.want):
				t.Errorf("got %s and the problem %q, want %s", got, row.Problem, c.want)
			}
		})
	}
}

// TestRestartWindows checks that partly used windows are imported if the option
// says so, with a warning.
func TestRestartWindows(t *testing.T) {
	const content = `{"name":"a","remain_quota":1,"windows":[{"period":"day","quota":9,"used":1,"remaining":8,"resets_at":1760000001}]}`
	f, err := export.Read([]byte(content), export.Options{Now: now, RestartWindows: true})
	if err != nil || f.Rows[0].Problem != "" || len(f.Rows[0].Warnings) != 1 || len(f.Rows[0].Token.Windows) != 1 {
		t.Errorf("got %+v, %v; want a window and a warning", f, err)
	}
}
