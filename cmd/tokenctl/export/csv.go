package export

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A table reads the rows of a CSV file.
type table struct {
	content []byte
	starts  []int // of the lines
	reader  *csv.Reader
	header  []string
}

// splitCSV returns the rows below the header.
func splitCSV(content []byte) ([]record, error) {
	t := table{content: content, starts: lineStarts(content), reader: csv.NewReader(bytes.NewReader(content))}
	t.reader.Comma = separator(content)
	if err := t.readHeader(); err != nil {
		return nil, err
	}
	var records []record
	for number := 2; ; number++ {
		cells, err := t.reader.Read()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			return nil, fmt.Errorf("row %d is not valid CSV, or the file ends in it: check the quotes, or export it again", number)
		}
		if slices.ContainsFunc(cells, func(s string) bool { return s != "" }) { // else an empty row, as at the end of a spreadsheet
			records = append(records, t.record(number, cells))
		}
	}
}

// separator returns the separator of the header: a comma; a semicolon, as
// spreadsheets write it in countries with a decimal comma; or a tab, as MySQL does.
func separator(content []byte) rune {
	head, _, _ := bytes.Cut(content, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(head, c) {
			return c
		}
	}
	return ','
}

// readHeader reads the names of the columns. A column without a name is called by
// its number.
func (t *table) readHeader() error {
	var err error
	if t.header, err = t.reader.Read(); err != nil {
		return errors.New("its header row is not valid CSV: check the quotes")
	}
	for i, name := range t.header {
		name = strings.TrimSpace(name)
		if name == "" {
			name = fmt.Sprintf("column %d", i+1)
		}
		if strings.Trim(name, "0123456789") == "" {
			return errors.New("its first row must have the names of the columns, and has a number: add a header row, or export it again with one")
		}
		if slices.ContainsFunc(t.header[:i], func(other string) bool { return strings.EqualFold(other, name) }) {
			return fmt.Errorf("it has the column %.40q twice: remove one", credential.Redact(name))
		}
		t.header[i] = name
	}
	return nil
}

// record returns the row that was just read.
func (t *table) record(number int, cells []string) record {
	line, _ := t.reader.FieldPos(0)
	r := record{number: number, line: line, fields: map[string]any{}}
	for _, name := range t.header {
		r.fields[name] = nil
	}
	switch {
	case len(cells) != len(t.header):
		r.problem = fmt.Sprintf("it has %d fields but the header has %d: check the quotes, or export it again if the file is cut off", len(cells), len(t.header))
		return r
	case t.isCut(len(cells) - 1):
		r.problem = "the file ends in this row without the end of a line, so it may be cut off: export it again or, if the row is whole, add that with `echo >>FILE`"
		return r
	}
	for i, value := range cells {
		if value != "" && (t.isQuoted(i) || !isNoValue(value)) {
			r.fields[t.header[i]] = value
		}
	}
	return r
}

// isQuoted reports whether a field of the row that was just read has quotes.
func (t *table) isQuoted(field int) bool {
	line, column := t.reader.FieldPos(field)
	return t.content[t.starts[line-1]+column-1] == '"'
}

// isCut reports whether the file may be cut off in the last field of the row that
// was just read: a field without quotes at the end of a file that does not end
// with a line.
func (t *table) isCut(last int) bool {
	return t.reader.InputOffset() >= int64(len(t.content)) && !bytes.HasSuffix(t.content, []byte("\n")) && !t.endsQuoted(last)
}

// endsQuoted reports whether the file ends with the closing quote of a field.
func (t *table) endsQuoted(field int) bool {
	return bytes.HasSuffix(t.content, []byte(`"`)) && t.isQuoted(field)
}
