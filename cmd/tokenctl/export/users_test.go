package export_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestReadUsers checks what the file of users may be.
func TestReadUsers(t *testing.T) {
	want := export.Users{"3": "alice", "Bob B": "bob"}
	for content, problem := range map[string]string{
		"source,user\n3,alice\nBob B,bob\n":                          "",
		"\xEF\xBB\xBFUser;Source\r\nalice;3\r\n bob ; Bob B\r\n\r\n": "",
		`{"3":"alice","Bob B":"bob"}`:                                "",
		"3,alice\nBob B,bob\n":                                       "its first row must have the names",
		"three,alice\nBob B,bob\n":                                   "its first line must be source,user",
		"source,user,note\n3,alice,x\n":                              "its first line must be source,user",
		"source,user\n3,alice\n3,bob\n":                              "line 3 has a user of the other system that it has already",
		"source,user\n3,\n":                                          "line 2 must have the ID or name",
		"source,user\n3,NULL\n":                                      "line 2 must have the ID or name",
		"source,user\n3,alice":                                       "the file ends in this row",
		"source,user\n3,alice,x\n":                                   "in line 2 it has 3 fields",
		"source,user\n3,-alice\n":                                    "line 2 names a user that Latchkey can't have",
		"source,user\n":                                              "maps no user",
		"":                                                           "header row",
		`{"3":"alice"}{"4":"bob"}`:                                   "one JSON object",
		`{"3":"alice","3":"bob"}`:                                    "one JSON object",
		`{"3":7}`:                                                    "a field of it must have",
		`{"3":"alice"`:                                               "cut off",
		`{}`:                                                         "maps no user",
		"\xff\xfe":                                                   "UTF-8",
		"\x1f\x8b\x08":                                               "gzip",
		"SQLite format 3\x00":                                        "SQLite database",
		`["alice"]`:                                                  "an object such as",
	} {
		users, err := export.ReadUsers([]byte(content))
		if problem == "" && (err != nil || !maps.Equal(users, want)) || problem != "" && (err == nil || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%q: got %v, %v, want %q", content, users, err, problem)
		}
	}
}

// TestOwners checks which user of Latchkey gets a token of each system, and that a
// token goes to nobody by default.
func TestOwners(t *testing.T) {
	users := export.Users{"3": "alice", "bob": "bob", "t1": "team", "u1": "user", "4": "dan", "carol": "carol"}
	ignored := map[string][]string{"LiteLLM": {"team_id", "user_id"}}
	const notIn = " is not in the file of --users"
	for _, c := range []struct{ system, row, user, problem string }{
		{"New API", `"user_id":3`, "alice", ""},
		{"New API", `"user_id":"3"`, "alice", ""},
		{"New API", `"user_id":9,"users":{"username":"bob","status":1}`, "bob", ""},
		{"New API", `"user_id":9,"username":"bob"`, "bob", ""},
		{"New API", `"user_id":3,"username":"alice"`, "alice", ""},
		{"New API", `"user_id":9,"username":"3"`, "", "9, 3" + notIn}, // the name of a user is the ID of another
		{"New API", `"user_id":3,"username":"4"`, "alice", ""},
		{"New API", `"user_id":3,"username":"carol"`, "", "two lines"},
		{"New API", `"user_id":9`, "", "9" + notIn},
		{"New API", `"user_id":null`, "", "does not say whose"},
		{"New API", `"user_id":[3]`, "", "user_id must be the ID"},
		{"LiteLLM", `"team_id":"t1","user_id":"u1"`, "team", ""},
		{"LiteLLM", `"user_id":"u1"`, "user", ""},
		{"LiteLLM", `"team_id":"t2","user_id":"u1"`, "", "t2" + notIn}, // its team's budget binds it
		{"LiteLLM", `"user_id":"default_user_id"`, "", notIn},
		{"Unkey", `"identity":{"id":"u1","externalId":"t1"}`, "team", ""},
		{"Unkey", `"identity":{"id":"u1","externalId":"t9"}`, "", "t9" + notIn},
		{"Unkey", `"ownerId":"u1"`, "user", ""},
		{"API Gateway", `"customerId":"u1"`, "user", ""},
		{"API Gateway", `"description":"u1"`, "", "does not say whose"},
	} {
		_, row := readOne(t, rowsWithKeys()[c.system](c.row), export.Options{Users: users, IgnoreColumns: ignored[c.system]})
		if row.User != c.user || (row.Problem == "") != (c.problem == "") || !strings.Contains(row.Problem, c.problem) {
			t.Errorf("%s, %s: got %q, %q, want %q, %q", c.system, c.row, row.User, row.Problem, c.user, c.problem)
		}
	}
	if _, row := readOne(t, rowsWithKeys()["New API"](`"user_id":9`), export.Options{}); row.User != "" || row.Problem != "" {
		t.Errorf("without a file of users: got %+v", row)
	}
}

// FuzzReadUsers checks that each user that is read may exist.
func FuzzReadUsers(f *testing.F) {
	for _, content := range []string{"source,user\n3,alice\n", "user\tsource\r\na\t\"3\n4\"\r\n", `{"3":"alice","b":"bob"}`} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		users, err := export.ReadUsers(content)
		if err != nil {
			return
		}
		for source, user := range users {
			if name, err := token.CheckUserName(user); err != nil || name != user || source == "" {
				t.Error(fmt.Sprintf("%q: %q", source, user), err)
			}
		}
	})
}
