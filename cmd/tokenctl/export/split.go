package export

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// A record is one token as it is in the file. In CSV all values are strings, and
// no value is nil. In JSON numbers are json.Number and objects are *object.
type record struct {
	number  int
	line    int
	fields  map[string]any
	problem string
}

// split returns the records of a file and warnings about the file.
func split(content []byte, format string) ([]record, []string, error) {
	content, err := asUTF8(content)
	if err != nil {
		return nil, nil, err
	}
	first := bytes.TrimLeft(content, " \t\r\n")
	if len(first) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	if format == JSON || format != CSV && (first[0] == '{' || first[0] == '[') {
		return splitJSON(content)
	}
	records, err := splitCSV(content)
	return records, nil, err
}

// asUTF8 returns a text without its byte-order mark, or what kind of file it is if it is
// no text.
func asUTF8(content []byte) ([]byte, error) {
	content = bytes.TrimPrefix(content, []byte("\xEF\xBB\xBF"))
	for _, kind := range []struct{ magic, problem string }{
		{"\x1F\x8B", "it is compressed with gzip: unpack it with `gunzip`"},
		{"\x28\xB5\x2F\xFD", "it is compressed with zstd: unpack it with `unzstd`"},
		{"PK\x03\x04", "it is a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV in UTF-8"},
		{"SQLite format 3\x00", "it is an SQLite database: it must be CSV or JSON"},
	} {
		if bytes.HasPrefix(content, []byte(kind.magic)) {
			return nil, errors.New(kind.problem)
		}
	}
	if !utf8.Valid(content) {
		return nil, errors.New("it is not in UTF-8: save it again in that encoding")
	}
	return content, nil
}

// lineStarts returns the offset of the first byte of each line.
func lineStarts(content []byte) []int {
	starts := []int{0}
	for at, c := range content {
		if c == '\n' {
			starts = append(starts, at+1)
		}
	}
	return starts
}
