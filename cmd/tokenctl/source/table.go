package source

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
)

// errDamaged means that a table is damaged.
var errDamaged = errors.New("damaged")

// missingUser stands for the user of a token that has none.
const missingUser = `{"missing":true}`

// A database is an open database of New API or One API.
type database struct{ *sqlite3.Conn }

// each calls f for each row of a query.
func (db database) each(query string, f func(*sqlite3.Stmt) error) error {
	stmt, _, err := db.Prepare(query)
	if err != nil {
		return err
	}
	defer stmt.Close() //nolint:errcheck // it was only read
	for stmt.Step() {
		if err := f(stmt); err != nil {
			return err
		}
	}
	return stmt.Err()
}

// has reports whether there is a table, under a name that SQLite takes for this one. A
// view or a virtual table is none.
func (db database) has(table string) (found bool, err error) {
	err = db.each("select 1 from sqlite_schema where type = 'table' and rootpage > 0 and name = '"+table+"' collate nocase", func(*sqlite3.Stmt) error {
		found = true
		return nil
	})
	return found, err
}

// check returns an error if a table is missing, or pages of it are damaged or missing.
// Without it, the rows before the damage could be taken for all.
func (db database) check(table string) error {
	found, err := db.has(table)
	switch {
	case err != nil:
		return err
	case !found && table == "tokens":
		return errors.New("it has no table tokens: name the database of New API or One API, which is one-api.db unless SQLITE_PATH says otherwise")
	case !found:
		return fmt.Errorf("it has no table %s, so it does not say which users are disabled or deleted: give the whole database of New API or One API", table)
	}
	return db.each("pragma integrity_check("+table+")", func(row *sqlite3.Stmt) error {
		if row.ColumnText(0) != "ok" {
			return errDamaged
		}
		return nil
	})
}

// users returns what is known of each user, as JSON by its ID.
func (db database) users() (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	err := db.each("select * from users", func(row *sqlite3.Stmt) error {
		var user bytes.Buffer
		var id string
		for i := range row.ColumnCount() {
			switch name := strings.ToLower(row.ColumnName(i)); name {
			case "id":
				id = row.ColumnText(i)
			case "username", "status", "deleted_at":
				appendField(&user, name, valueOf(row, i))
			}
		}
		if _, twice := all[id]; twice {
			return errors.New("its table users has an ID twice, so it does not say which users are disabled: correct it first")
		}
		all[id] = object(&user)
		return row.Err()
	})
	return all, err
}

// tokens returns the rows of the table tokens.
func (db database) tokens(users map[string]json.RawMessage) ([]byte, error) {
	var list bytes.Buffer
	err := db.each("select * from tokens", func(row *sqlite3.Stmt) error {
		var token bytes.Buffer
		owner := ""
		for i := range row.ColumnCount() {
			name := row.ColumnName(i)
			if strings.EqualFold(name, "user_id") {
				owner = row.ColumnText(i)
			}
			appendField(&token, name, valueOf(row, i))
		}
		user, ok := users[owner]
		if !ok || owner == "" {
			user = json.RawMessage(missingUser)
		}
		appendField(&token, "users", user)
		if list.Len() > 0 {
			_, _ = list.WriteString(",\n") // a Buffer never fails
		}
		_, _ = list.Write(object(&token))
		if list.Len() > MaxBytes {
			return fmt.Errorf("its table tokens is larger than %d MiB: export it in parts, as CSV", MaxBytes>>20)
		}
		return row.Err()
	})
	return fmt.Appendf(nil, "[%s]\n", list.Bytes()), err
}

// appendField adds a field to the inside of a JSON object.
func appendField(o *bytes.Buffer, name string, value json.RawMessage) {
	if o.Len() > 0 {
		_ = o.WriteByte(',') // a Buffer never fails
	}
	_, _ = fmt.Fprintf(o, "%s:%s", text(name), value)
}

// object returns a JSON object of its inside.
func object(inside *bytes.Buffer) json.RawMessage {
	return fmt.Appendf(nil, "{%s}", inside.Bytes())
}

// valueOf returns a value of a row as JSON. What is not text in UTF-8 becomes an
// object, which no column of a token may be.
func valueOf(row *sqlite3.Stmt, column int) json.RawMessage {
	switch row.ColumnType(column) { //nolint:exhaustive // the others are bytes
	case sqlite3.NULL:
		return json.RawMessage("null")
	case sqlite3.INTEGER:
		return strconv.AppendInt(nil, row.ColumnInt64(column), 10)
	case sqlite3.FLOAT:
		f := row.ColumnFloat(column)
		if math.IsInf(f, 0) {
			return text("infinite")
		}
		return strconv.AppendFloat(nil, f, 'f', -1, 64)
	default:
		raw := row.ColumnRawBlob(column)
		if row.ColumnType(column) == sqlite3.TEXT {
			raw = row.ColumnRawText(column) // in UTF-8, whatever the encoding of the database is
		}
		if !utf8.Valid(raw) {
			return json.RawMessage(`{"bytes":"` + hex.EncodeToString(raw) + `"}`)
		}
		return text(string(raw))
	}
}

// text returns a text as JSON.
func text(s string) json.RawMessage {
	content, _ := json.Marshal(s) // a string has a form in JSON
	return content
}
