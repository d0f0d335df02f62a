package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/source"
)

// link returns another name of a file, made by make in another folder.
func link(t *testing.T, file string, makeLink func(old, new string) error) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "link.db")
	if err := makeLink(file, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBeside checks that a database is refused if some of it is in another file, by
// whatever name it is given.
func TestBeside(t *testing.T) {
	t.Parallel()
	inWAL := func(t *testing.T) string {
		file, c := database(t, "PRAGMA journal_mode=wal;", newAPI, users, token("1", "", ""), "PRAGMA wal_checkpoint(truncate);")
		if err := c.Exec("UPDATE tokens SET status = 2;"); err != nil {
			t.Fatal(err)
		}
		return file
	}
	inJournal := func(t *testing.T) string {
		file, c := database(t, newAPI, users, token("1", "", ""))
		many := "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i < 2000) INSERT INTO tokens (user_id, key, name, remain_quota) SELECT 1, 'k' || i || '" + key + "', 'n', 5 FROM n;"
		if err := c.Exec("BEGIN; PRAGMA cache_spill = true; PRAGMA cache_size = 1;" + many); err != nil {
			t.Fatal(err)
		}
		return file
	}
	whole := func(t *testing.T) string { return closed(t, newAPI, users, token("1", "", "")) }
	beside := func(suffix string) func(t *testing.T) string {
		return func(t *testing.T) string {
			file := whole(t)
			if err := os.Symlink(file+suffix, file+suffix); err != nil { // nobody can read it
				t.Fatal(err)
			}
			return file
		}
	}
	symlink := func(file func(t *testing.T) string) func(t *testing.T) string {
		return func(t *testing.T) string { return link(t, file(t), os.Symlink) }
	}
	for name, c := range map[string]struct {
		file func(t *testing.T) string
		want string
	}{
		"a log":                        {inWAL, "-wal: stop the other system"},
		"a log, by a symlink":          {symlink(inWAL), "-wal: stop the other system"},
		"a log, by two symlinks":       {symlink(symlink(inWAL)), "-wal: stop the other system"},
		"a log, by a symlink's folder": {func(t *testing.T) string { return filepath.Dir(symlink(inWAL)(t)) + "/./link.db" }, "-wal: stop the other system"},
		"a log, by a linked folder": {func(t *testing.T) string {
			file := inWAL(t)
			return filepath.Join(link(t, filepath.Dir(file), os.Symlink), filepath.Base(file))
		}, "-wal: stop the other system"},
		"a log, by a hard link":        {func(t *testing.T) string { return link(t, inWAL(t), os.Link) }, "it has 2 names (hard links)"},
		"a journal":                    {inJournal, "another program is writing to it"},
		"a journal, by a symlink":      {symlink(inJournal), "another program is writing to it"},
		"a log that can't be read":     {beside("-wal"), "too many levels"},
		"a journal that can't be read": {beside("-journal"), "too many levels"},
		"nothing, by a symlink":        {symlink(whole), ""},
	} {
		content, err := source.SQLite(t.Context(), c.file(t))
		if (err == nil) != (c.want == "") || (content == nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %d bytes, %v, want an error with %q", name, len(content), err, c.want)
		}
	}
}

// TestUsersUnderAnyName checks that a database says which users are disabled, or is
// refused.
func TestUsersUnderAnyName(t *testing.T) {
	t.Parallel()
	owned := token("1", "", "") + "UPDATE tokens SET user_id = 2;"
	for name, c := range map[string]struct {
		statements, want string
	}{
		"users":                {"", ""},
		"in capitals":          {"ALTER TABLE users RENAME TO people; ALTER TABLE people RENAME TO Users;", ""},
		"tokens in capitals":   {"ALTER TABLE tokens RENAME TO people; ALTER TABLE people RENAME TO TOKENS;", ""},
		"columns in capitals":  {"ALTER TABLE users RENAME COLUMN status TO Status; ALTER TABLE users RENAME COLUMN id TO ID;", ""},
		"no such table":        {"DROP TABLE users;", "it has no table users"},
		"a view":               {"ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people;", "it has no table users"},
		"the same user twice":  {"DROP TABLE users; CREATE TABLE users (id int, status int); INSERT INTO users VALUES (2, 2), (2, 1);", "an ID twice"},
		"a user without an ID": {"DROP TABLE users; CREATE TABLE users (status int); INSERT INTO users VALUES (1); UPDATE tokens SET user_id = NULL;", "deleted"},
	} {
		file := closed(t, newAPI, users, owned, c.statements)
		content, err := source.SQLite(t.Context(), file)
		got := ""
		if err != nil {
			got = err.Error()
		} else if row := read(t, file).Rows[0]; row.Skip != "" {
			got = row.Skip
		} else if s := row.Token.Status; s == nil || *s != 2 {
			got = "enabled"
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q of %s, want %q", name, got, content, c.want)
		}
	}
}

// TestUTF16 checks that text is read in whatever encoding the database has.
func TestUTF16(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"UTF-16le", "UTF-16be"} {
		f := read(t, closed(t, "PRAGMA encoding = '"+encoding+"';", newAPI, users, token("1", ", model_limits, model_limits_enabled", ", 'gpt-4o,größe', 1")))
		if r := f.Rows[0]; r.Problem+r.Skip != "" || r.OldName != "n1" || len(r.Token.Models) != 2 || r.Token.Models[1] != "größe" || len(f.Unknown) > 0 {
			t.Errorf("%s: got %+v", encoding, f)
		}
	}
}

// A database that changes while it is read is refused: if it is written to, replaced, or
// its name leads to another file.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(file, link string) error
		same   bool
	}{
		"not changed": {func(string, string) error { return nil }, true},
		"longer":      {func(file, _ string) error { return os.WriteFile(file, []byte("more"), 0o600) }, false},
		"newer": {func(file, _ string) error {
			return os.Chtimes(file, time.Time{}, time.Now().Add(time.Second))
		}, false},
		"replaced": {func(file, _ string) error {
			other := file + ".new"
			if err := os.WriteFile(other, []byte("one"), 0o600); err != nil {
				return err
			}
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			return errors.Join(os.Chtimes(other, time.Time{}, info.ModTime()), os.Rename(other, file))
		}, false},
		"another link": {func(file, name string) error {
			other := file + ".new"
			return errors.Join(os.WriteFile(other, []byte("one"), 0o600), os.Remove(name), os.Symlink(other, name))
		}, false},
		"removed": {func(file, _ string) error { return os.Remove(file) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "one-api.db")
			if err := os.WriteFile(file, []byte("one"), 0o600); err != nil {
				t.Fatal(err)
			}
			name := link(t, file, os.Symlink)
			before, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := row.change(file, name); err != nil {
				t.Fatal(err)
			}
			if err := source.IsUnchanged(name, file, before); (err == nil) != row.same {
				t.Errorf("got error %v, want one: %t", err, !row.same)
			}
		})
	}
}
