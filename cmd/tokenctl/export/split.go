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
	content = bytes.TrimPrefix(content, []byte("\xEF\xBB\xBF"))
	if !utf8.Valid(content) {
		return nil, nil, errors.New("it is not in UTF-8: save it again in that encoding")
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
