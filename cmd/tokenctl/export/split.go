package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A record is one token as it is in the file. In CSV all values are strings and
// empty ones are left out. In JSON numbers are json.Number.
type record struct {
	number  int
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

// splitCSV returns the rows below the header.
func splitCSV(content []byte) ([]record, error) {
	r := csv.NewReader(bytes.NewReader(content))
	if head, _, _ := bytes.Cut(content, []byte("\n")); !bytes.Contains(head, []byte(",")) && bytes.Contains(head, []byte(";")) {
		r.Comma = ';' // as spreadsheets write it in countries with a decimal comma
	}
	header, err := r.Read()
	if err != nil {
		return nil, errors.New("its header row is not valid CSV: check the quotes")
	}
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
		same := func(other string) bool { return strings.EqualFold(other, header[i]) }
		if name != "" && slices.ContainsFunc(header[:i], same) {
			return nil, fmt.Errorf("it has the column %.40q twice: remove one", credential.Redact(name))
		}
	}
	var records []record
	for number := 2; ; number++ {
		line, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return records, nil
		case !slices.ContainsFunc(line, func(s string) bool { return s != "" }) && (err == nil || errors.Is(err, csv.ErrFieldCount)):
			continue // an empty row, as at the end of a spreadsheet
		case errors.Is(err, csv.ErrFieldCount):
			records = append(records, record{number: number, problem: fmt.Sprintf("it has %d fields but the header has %d: check the quotes", len(line), len(header))})
			continue
		case err != nil:
			return nil, fmt.Errorf("row %d is not valid CSV: check the quotes", number)
		}
		fields := map[string]any{}
		for i, value := range line {
			if value != "" {
				fields[header[i]] = value
			}
		}
		records = append(records, record{number: number, fields: fields})
	}
}

// splitJSON returns the objects of a list, of an API response with a list, or of
// JSON Lines.
func splitJSON(content []byte) ([]record, []string, error) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	var values, all []any
	for {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("it is not valid JSON after byte %d: export it again", d.InputOffset())
		}
		values = append(values, v)
	}
	list, total := contained(values[0])
	switch {
	case list == nil:
		all = values // JSON Lines
	case len(values) > 1:
		return nil, nil, errors.New("it has more content after its list: keep one list, or one object per line")
	default:
		all = list
	}
	var warnings []string
	if total > int64(len(all)) {
		warnings = append(warnings, fmt.Sprintf("the file has %d of %d tokens: export the other pages too", len(all), total))
	}
	records := make([]record, len(all))
	for i, v := range all {
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("row %d is not an object: export whole tokens; for LiteLLM use return_full_object=true", i+1)
		}
		records[i] = record{number: i + 1, fields: flat(fields)}
	}
	return records, warnings, nil
}

// contained returns the list in a saved API response and the total number of
// tokens, or 0 if the response does not name it. It returns nil if v holds no list.
func contained(v any) ([]any, int64) {
	switch v := v.(type) {
	case []any:
		return append([]any{}, v...), 0
	case map[string]any:
		for _, name := range []string{"data", "items", "tokens", "keys"} {
			list, total := contained(v[name])
			if list == nil {
				continue
			}
			for _, count := range []string{"total", "total_count"} {
				if n, ok := v[count].(json.Number); ok {
					total, _ = strconv.ParseInt(n.String(), 10, 64) // 0 if it is not a number
				}
			}
			return list, total
		}
	}
	return nil, 0
}

// flat turns Unkey's object credits into fields such as credits.remaining and
// drops null values.
func flat(in map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range in {
		inner, ok := value.(map[string]any)
		switch {
		case value == nil:
		case ok && name == "credits":
			for part, value := range inner {
				if value != nil {
					out[name+"."+part] = value
				}
			}
		default:
			out[name] = value
		}
	}
	return out
}
