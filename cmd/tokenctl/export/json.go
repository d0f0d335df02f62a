package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An object is a JSON object and where it begins.
type object struct {
	fields map[string]any
	line   int
	twice  bool // it, or an object in it, has a name twice, perhaps in upper and in lower case
}

// MarshalJSON implements json.Marshaler.
func (o *object) MarshalJSON() ([]byte, error) { return json.Marshal(o.fields) }

// maxDepth is the deepest nesting that is read.
const maxDepth = 50

// A jsonReader reads values with the lines of their objects.
type jsonReader struct {
	decoder *json.Decoder
	content []byte
	starts  []int // of the lines
	twice   int   // names that an object had already
}

func newJSONReader(content []byte) *jsonReader {
	r := &jsonReader{decoder: json.NewDecoder(bytes.NewReader(content)), content: content, starts: lineStarts(content)}
	r.decoder.UseNumber()
	return r
}

// parseJSON returns the only value of a text, or false.
func parseJSON(text string) (any, bool) {
	r := newJSONReader([]byte(text))
	v, err := r.value(maxDepth)
	if err != nil {
		return nil, false
	}
	if _, err = r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return v, true
}

// values returns all values up to the end.
func (r *jsonReader) values() ([]any, error) {
	var values []any
	for {
		rest := bytes.TrimLeft(r.content[r.decoder.InputOffset():], " \t\r\n")
		began := r.line(int64(len(r.content) - len(rest)))
		v, err := r.value(maxDepth)
		switch {
		case errors.Is(err, io.EOF):
			return values, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("it ends in the middle of what begins in line %d: it is cut off, so export it again", began)
		case err != nil:
			return nil, fmt.Errorf("it is not valid JSON in or after line %d: export it again", r.line(r.decoder.InputOffset()))
		}
		values = append(values, v)
	}
}

// line returns the number of the line with an offset.
func (r *jsonReader) line(offset int64) int {
	at, found := slices.BinarySearch(r.starts, int(offset))
	if found {
		at++
	}
	return at
}

// value reads the next value. The error is io.EOF if there is none.
func (r *jsonReader) value(depth int) (any, error) {
	t, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	switch {
	case !ok:
		return t, nil
	case depth == 0:
		return nil, errors.New("too deep")
	}
	var v any
	if delim == '{' {
		v, err = r.object(depth - 1)
	} else {
		v, err = r.list(depth - 1)
	}
	if err == nil {
		_, err = r.decoder.Token() // the closing bracket
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

// object reads an object behind its bracket.
func (r *jsonReader) object(depth int) (any, error) {
	o := &object{fields: map[string]any{}, line: r.line(r.decoder.InputOffset() - 1)}
	before, seen := r.twice, map[string]bool{}
	for r.decoder.More() {
		t, err := r.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // names are strings
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		if lower := strings.ToLower(name); seen[lower] {
			r.twice++
		} else {
			seen[lower] = true
		}
		o.fields[name] = v
	}
	o.twice = r.twice > before
	return o, nil
}

// list reads a list behind its bracket.
func (r *jsonReader) list(depth int) (any, error) {
	list := []any{}
	for r.decoder.More() {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// splitJSON returns the objects of a list, of answers of an API with lists, or of
// JSON Lines.
func splitJSON(content []byte) ([]record, []string, error) {
	values, err := newJSONReader(content).values()
	if err != nil {
		return nil, nil, err
	}
	all, warnings, err := tokensOf(values)
	if err != nil {
		return nil, nil, err
	}
	records := make([]record, len(all))
	for i, v := range all {
		o, ok := v.(*object)
		if !ok {
			return nil, nil, fmt.Errorf("row %d is not an object: export whole tokens; for LiteLLM use return_full_object=true", i+1)
		}
		records[i] = record{number: i + 1, line: o.line, fields: o.fields}
		if o.twice {
			records[i].problem = twice
		}
	}
	return records, warnings, nil
}
