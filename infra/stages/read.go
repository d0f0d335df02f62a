package stages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// Names returns the names of all stages, in the order of promotion.
func Names() []string { return []string{"dev", "staging", "prod"} }

// Read reads the file with the settings of all stages. A stage that is not in the
// file has the zero value. The error has one line for each problem, and says what
// to do.
func Read(file string) (map[string]Settings, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, fmt.Errorf("the settings of the stages can't be read (%w): restore the file with git, or write {} to it", err)
	}
	all, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// Parse parses the text of the file that Read reads.
func Parse(text []byte) (map[string]Settings, error) {
	names := Names()
	all := map[string]Settings{}
	for _, name := range names {
		all[name] = Settings{}
	}
	stages, err := members(text, names, "stage")
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, name := range names {
		text, ok := stages[name]
		if !ok {
			continue
		}
		s, err := parseStage(text)
		if err == nil {
			err = s.check(name)
		}
		if err != nil {
			problems = append(problems, prefixed(name+": ", err))
		}
		all[name] = s
	}
	return all, errors.Join(problems...)
}

func parseStage(text []byte) (Settings, error) {
	var s Settings
	fields, err := members(text, namesOf[Settings](), "field")
	if err != nil {
		return s, err
	}
	if upstream, ok := fields["upstream"]; ok && string(upstream) != "null" {
		if _, err := members(upstream, namesOf[Upstream](), "field"); err != nil {
			return s, fmt.Errorf("upstream: %w", err)
		}
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(text, &s); errors.As(err, &wrong) {
		return s, fmt.Errorf("%s is a %s: it must be %s", wrong.Field, wrong.Value, kindOf(wrong.Type))
	} else if err != nil {
		return s, err
	}
	return s, nil
}

// members returns the members of a JSON object whose names must be known. Unlike
// json.Unmarshal it distinguishes case and refuses a name that stands twice.
func members(text []byte, known []string, kind string) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("not JSON (%w)", err)
	} else if start != json.Delim('{') {
		return nil, errors.New("not a JSON object: it must begin with {")
	}
	found := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, notJSON(decoder, text, err)
		}
		name, _ := token.(string) // a name, or Token fails
		if !slices.Contains(known, name) {
			return nil, unknown(kind, name, known)
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("%s %q stands twice: remove one", kind, name)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, notJSON(decoder, text, err)
		}
		found[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, notJSON(decoder, text, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more text follows the closing }: remove it")
	}
	return found, nil
}

// notJSON adds the line of a syntax error.
func notJSON(decoder *json.Decoder, text []byte, err error) error {
	line := 1 + bytes.Count(text[:decoder.InputOffset()], []byte("\n"))
	return fmt.Errorf("not JSON in line %d (%w)", line, err)
}

func unknown(kind, name string, known []string) error {
	if near := wire.Nearest(name, known); near != "" {
		return fmt.Errorf("unknown %s %q: did you mean %q?", kind, name, near)
	}
	return fmt.Errorf("unknown %s %q: use one of %s", kind, name, strings.Join(known, ", "))
}

// namesOf returns the JSON names of the fields of a struct.
func namesOf[T any]() (names []string) {
	for field := range reflect.TypeFor[T]().Fields() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}

// kindOf says in words what a field of a type must be.
func kindOf(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // the kinds of Settings and Upstream
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return `a list of texts, such as ["a", "b"]`
	case reflect.String:
		return "a text"
	default:
		return "an object"
	}
}

// prefixed puts a prefix before each line of an error.
func prefixed(prefix string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, prefixed(prefix, e))
		}
		return errors.Join(all...)
	}
	return fmt.Errorf("%s%w", prefix, err)
}
