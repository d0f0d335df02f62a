package source_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/cmd/tokenctl/source"
)

const (
	now = 1_760_000_000
	key = "Zk3hPq7RtVx1YbNcMd5FgJw8LsAe2UoQiTr4KyHnBvXz6SpW"
)

// The tables as New API and One API create them with SQLite.
const (
	newAPI = "CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`username` text UNIQUE,`password` text NOT NULL,`role` int DEFAULT 1,`status` int DEFAULT 1,`access_token` char(32),`quota` int DEFAULT 0,`group` varchar(64) DEFAULT \"default\",`deleted_at` datetime);" +
		"CREATE TABLE `tokens` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(48),`status` integer DEFAULT 1,`name` text,`created_time` bigint,`accessed_time` bigint,`expired_time` bigint DEFAULT -1,`remain_quota` integer DEFAULT 0,`unlimited_quota` numeric,`model_limits_enabled` numeric,`model_limits` text,`allow_ips` text DEFAULT \"\",`used_quota` integer DEFAULT 0,`group` text DEFAULT \"\",`cross_group_retry` numeric,`deleted_at` datetime);" +
		"CREATE UNIQUE INDEX `idx_tokens_key` ON `tokens`(`key`);CREATE INDEX `idx_tokens_deleted_at` ON `tokens`(`deleted_at`);"
	oneAPI = "CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`username` text UNIQUE,`password` text NOT NULL,`role` int DEFAULT 1,`status` int DEFAULT 1,`access_token` char(32),`quota` bigint DEFAULT 0,`group` varchar(32) DEFAULT \"default\");" +
		"CREATE TABLE `tokens` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(48),`status` integer DEFAULT 1,`name` text,`created_time` bigint,`accessed_time` bigint,`expired_time` bigint DEFAULT -1,`remain_quota` bigint DEFAULT 0,`unlimited_quota` numeric DEFAULT false,`used_quota` bigint DEFAULT 0,`models` text,`subnet` text DEFAULT \"\");" +
		"CREATE UNIQUE INDEX `idx_tokens_key` ON `tokens`(`key`);"
	users = "INSERT INTO users (id, username, password, status) VALUES (1,'root','x',1),(2,'bob','x',2),(3,'eve','x',3);"
)

// database writes a database and returns its path and the open connection.
func database(t testing.TB, statements ...string) (string, *sqlite3.Conn) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "one-api.db")
	c, err := sqlite3.Open(file)
	if err == nil {
		err = c.Exec(strings.Join(statements, ""))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // again, perhaps
	return file, c
}

// closed writes a database and returns its path.
func closed(t testing.TB, statements ...string) string {
	t.Helper()
	file, c := database(t, statements...)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// token returns a statement that adds a token of New API, with other columns.
func token(id, columns, values string) string {
	return "INSERT INTO tokens (id, user_id, key, status, name, expired_time, remain_quota, unlimited_quota" + columns + ") VALUES (" + id + ", 1, '" + key[:46] + id + "', 1, 'n" + id + "', -1, 500, 0" + values + ");"
}

// read reads the tokens of a database.
func read(t *testing.T, file string) export.File {
	t.Helper()
	content, err := source.SQLite(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := export.Read(content, export.Options{ByID: true, KeepKeys: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestNewAPI checks the rows of a database of New API, which follow the same rules as
// a file.
func TestNewAPI(t *testing.T) {
	file := closed(t, newAPI, users,
		token("11", ", model_limits_enabled, model_limits, allow_ips, used_quota, `group`", ", 1, 'gpt-4o,gpt-4o-mini', '10.0.0.0/8', 1500, 'vip'"),
		token("12", ", deleted_at", ", '2025-01-01 00:00:00.1+00:00'"),
		token("13", ", model_limits", ", 'NULL'"),
		token("14", ", allow_ips", ", NULL"),
		token("15", ", model_limits", ", x'80'"),
		"UPDATE tokens SET status = 2 WHERE id = 14;",
	)
	f := read(t, file)
	var got []string
	for _, r := range f.Rows {
		got = append(got, r.Place()+" "+r.Column+": "+r.Problem+r.Skip)
	}
	want := []string{
		"ID 11 : ", "ID 12 : it is deleted",
		"ID 13 model_limits: model_limits is a text such as NULL in quotes, and it is not clear whether that stands for no value: export again without quotes around NULL, or leave the cell empty",
		"ID 14 : ", "ID 15 model_limits: model_limits must be a list, or text",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(f.Unknown) > 0 {
		t.Errorf("got the unknown columns %v, and: %s", f.Unknown, diff)
	}
	first := f.Rows[0]
	if *first.Token.RemainQuota != 500 || len(first.Token.Models) != 2 || len(first.Token.AllowIPs) != 1 || *first.Token.Group != "vip" || first.Used != 1500 || first.OldID != "11" {
		t.Errorf("got %+v", first)
	}
	if s := f.Rows[3].Token.Status; s == nil || *s != 2 {
		t.Error("a disabled token is imported enabled")
	}
}

// TestOneAPI checks the rows of a database of One API.
func TestOneAPI(t *testing.T) {
	file := closed(t, oneAPI, users, token("5", ", models, subnet, used_quota", ", 'gpt-4o', '10.0.0.0/8', 7"), token("6", ", models, subnet", ", NULL, NULL"))
	f := read(t, file)
	if len(f.Rows) != 2 || f.Rows[0].Problem != "" || f.Rows[0].Key.From != "one-api" || f.Rows[0].Used != 7 || len(f.Rows[0].Token.Models) != 1 || f.Rows[1].Problem != "" || len(f.Unknown) > 0 {
		t.Errorf("got %+v", f)
	}
}

// TestUsers checks that a token does not work after the import if it does not there
// because of its user.
func TestUsers(t *testing.T) {
	file := closed(t, newAPI, users, token("21", "", ""), token("22", "", ""), token("23", "", ""), token("24", "", ""), token("25", "", ""), token("26", "", ""),
		"UPDATE tokens SET user_id = 2 WHERE id = 22; UPDATE tokens SET user_id = 3 WHERE id = 23; UPDATE tokens SET user_id = 99 WHERE id = 24; UPDATE tokens SET user_id = 5 WHERE id = 25; UPDATE tokens SET user_id = 6 WHERE id = 26;",
		"INSERT INTO users (id, username, password, status, deleted_at) VALUES (5,'fay','x',1,'2025-01-01 00:00:00+00:00'), (6,'gus','x',7,NULL);")
	f := read(t, file)
	var got []string
	for _, r := range f.Rows {
		state := "enabled"
		if r.Token.Status != nil {
			state = "disabled"
		}
		got = append(got, strings.TrimSpace(state+" "+r.Skip+r.Problem))
	}
	want := []string{"enabled", "disabled", "enabled its user is deleted", "enabled its user is deleted", "enabled its user is deleted", "enabled users.status must be between 1 and 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestUnknownColumn checks that a column that is not known stops the import, as in a
// file.
func TestUnknownColumn(t *testing.T) {
	file := closed(t, newAPI, users, "ALTER TABLE tokens ADD COLUMN region text;", token("1", ", region", ", 'eu'"))
	if f := read(t, file); len(f.Unknown) != 1 || f.Unknown[0].Name != "region" {
		t.Errorf("got %+v", f.Unknown)
	}
}

// TestUnreadable checks the error for each kind of file that is not a whole database.
func TestUnreadable(t *testing.T) {
	many := "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i < 2000) INSERT INTO tokens (user_id, key, name, remain_quota) SELECT 1, 'k' || i || '" + key + "', 'n', 5 FROM n;"
	for name, c := range map[string]struct {
		file func(t *testing.T) string
		want string
	}{
		"another program's": {func(t *testing.T) string { return closed(t, "CREATE TABLE cats (id int);") }, "it has no table tokens"},
		"a view": {func(t *testing.T) string {
			return closed(t, "CREATE VIEW tokens AS WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n) SELECT i AS id FROM n;")
		}, "it has no table tokens"},
		"only its header": {func(t *testing.T) string { return cut(t, closed(t, newAPI), 100) }, "damaged, encrypted or cut off"},
		"cut off":         {func(t *testing.T) string { return cut(t, closed(t, newAPI, many), 3*4096) }, "damaged, encrypted or cut off"},
		"without its end": {func(t *testing.T) string {
			file := closed(t, newAPI, many)
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			return cut(t, file, info.Size()-1)
		}, "damaged, encrypted or cut off"},
		"a page of zeros": {func(t *testing.T) string {
			return changed(t, closed(t, newAPI, many), func(content []byte) { clear(content[len(content)/8192*4096:][:4096]) })
		}, "damaged, encrypted or cut off"},
		"a page with its first row alone": {func(t *testing.T) string {
			return changed(t, closed(t, newAPI, many), func(content []byte) {
				const leaf = 13 // https://sqlite.org/fileformat2.html#b_tree_pages
				for at := len(content) / 2 / 4096 * 4096; ; at += 4096 {
					if content[at] == leaf {
						copy(content[at+3:], []byte{0, 1})
						return
					}
				}
			})
		}, "damaged, encrypted or cut off"},
		"a log that was not written back": {func(t *testing.T) string {
			file, _ := database(t, "PRAGMA journal_mode=wal;", newAPI, token("1", "", ""))
			return file
		}, "-wal: stop the other system"},
		"a write that has not ended": {func(t *testing.T) string {
			file, c := database(t, newAPI, token("1", "", ""))
			if err := c.Exec("BEGIN; UPDATE tokens SET remain_quota = 0; PRAGMA cache_spill = true; PRAGMA cache_size = 1;" + many); err != nil {
				t.Fatal(err)
			}
			return file
		}, "another program is writing to it"},
		"missing": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "none.db") }, "no such file"},
	} {
		content, err := source.SQLite(t.Context(), c.file(t))
		if err == nil || content != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %d bytes, %v, want an error with %q", name, len(content), err, c.want)
		}
	}
}

// changed changes a file.
func changed(t *testing.T, file string, change func(content []byte)) string {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // a folder of the test
	if err == nil {
		change(content)
		err = os.WriteFile(file, content, 0o600) //nolint:gosec // a folder of the test
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// cut shortens a file.
func cut(t *testing.T, file string, size int64) string {
	t.Helper()
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestReadOnly checks that a database in WAL mode is read, and that reading leaves
// nothing behind.
func TestReadOnly(t *testing.T) {
	file := closed(t, "PRAGMA journal_mode=wal;", newAPI, users, token("1", "", ""))
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	if f := read(t, file); len(f.Rows) != 1 || f.Rows[0].Problem+f.Rows[0].Skip != "" {
		t.Errorf("got %+v", f)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v; want the database alone", entries, err)
	}
}

// TestInterrupted checks that reading ends with its context.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.SQLite(ctx, closed(t, newAPI)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzSQLite checks that a database with any damage is refused, or is read as rows of
// which the good ones follow the rules of the API.
func FuzzSQLite(f *testing.F) {
	for _, file := range []string{closed(f, newAPI, users, token("1", "", "")), closed(f, oneAPI, token("1", "", ""))} {
		content, err := os.ReadFile(file) //nolint:gosec // a folder of the test
		if err != nil {
			f.Fatal(err)
		}
		for at := 0; at < len(content); at += 997 {
			f.Add(content, at, []byte{0xff, 0})
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, at int, patch []byte) {
		if at >= 0 && at < len(content) {
			content = append([]byte{}, content...)
			copy(content[at:], patch)
		}
		file := filepath.Join(t.TempDir(), "one-api.db")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		tokens, err := source.SQLite(t.Context(), file)
		if err != nil {
			return
		}
		all, err := export.Read(tokens, export.Options{Now: now, ByID: true})
		if err != nil {
			return
		}
		for _, r := range all.Rows {
			if _, err := export.Check(r.Token, now); err != nil && r.Problem == "" && r.Skip == "" {
				t.Errorf("%s is good and breaks a rule: %v", r.Place(), err)
			}
		}
	})
}
