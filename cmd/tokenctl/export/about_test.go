package export_test

import (
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// TestWarningsAboutFile checks what an import says about a file and its options.
func TestWarningsAboutFile(t *testing.T) {
	const (
		unsaid = "the file does not say which users are disabled or deleted: leave out their tokens, or they work here"
		row    = `"user_id":3,"allow_ips":""`
	)
	for _, c := range []struct {
		system, row string
		options     export.Options
		want        []string
	}{
		{"New API", row, export.Options{}, []string{unsaid}},
		{"New API", row, export.Options{ByID: true}, nil},
		{"New API", row + `,"users.status":1`, export.Options{}, nil},
		{"New API", row + `,"users":{"status":1}`, export.Options{}, nil},
		{"LiteLLM", `"team_id":"t1"`, export.Options{IgnoreColumns: []string{"team_id"}}, nil},
		{"New API", row, export.Options{ByID: true, IgnoreColumns: []string{"alow_ips"}}, []string{"the file has no column alow_ips to ignore: did you mean allow_ips"}},
		{"New API", row, export.Options{ByID: true, IgnoreColumns: []string{"what"}}, []string{"the file has no column what to ignore"}},
		{"New API", row, export.Options{ByID: true, IgnoreColumns: []string{"Group", "metadata", "model_limits"}}, []string{"the file has no column metadata to ignore"}},
		{"LiteLLM", `"metadata":{"x":1}`, export.Options{IgnoreColumns: []string{"metadata.x", "Metadata"}}, nil},
		{"New API", row, export.Options{ByID: true, Users: export.Users{"3": "alice", "03": "bob", "bbo": "bob"}}, []string{"lines of the file of --users that match no owner of a token: 03, bbo"}},
	} {
		c.options.KeepKeys = true
		f, _ := readOne(t, rowsWithKeys()[c.system](c.row), c.options)
		if !slices.Equal(f.Warnings, c.want) {
			t.Errorf("%s, %s, %+v: got %q, want %q", c.system, c.row, c.options, f.Warnings, c.want)
		}
	}
}

// TestOwnerWithoutName checks that a file without the names of users asks for IDs.
func TestOwnerWithoutName(t *testing.T) {
	const want = "its user 3 is not in the file of --users, and the export has no names of users: add a line for that user with the ID"
	if _, row := readOne(t, rowsWithKeys()["New API"](`"user_id":3`), export.Options{Users: export.Users{"alice": "alice"}}); row.Problem != want {
		t.Errorf("got %q, want %q", row.Problem, want)
	}
}
