package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// setFields sets the fields of a struct by their JSON names. Fields in ignored may
// hold anything.
func setFields(into any, names []string, values map[string]json.RawMessage, ignored []string) error {
	return setMembers("", into, names, values, ignored)
}

// setMembers is setFields for an object that is itself a field. prefix is its
// name and a dot.
func setMembers(prefix string, into any, names []string, values map[string]json.RawMessage, ignored []string) error {
	target := reflect.ValueOf(into).Elem()
	fields := map[string]reflect.StructField{}
	var known []string
	for _, field := range reflect.VisibleFields(target.Type()) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" { // else it is a struct that brings fields
			fields[name] = field
			known = append(known, name)
		}
	}
	for _, name := range names {
		if _, ok := fields[name]; !ok && !slices.Contains(ignored, name) {
			return errUnknownField(prefix, name, known)
		}
	}
	for _, name := range known {
		raw, ok := values[name]
		if !ok || string(raw) == "null" || slices.Contains(ignored, name) {
			continue
		}
		if err := setField(target.FieldByIndex(fields[name].Index), fields[name], prefix+name, raw); err != nil {
			return err
		}
	}
	return nil
}

func errUnknownField(prefix, name string, known []string) error {
	message := fmt.Sprintf("The field %s is not known: the fields are %s.", quote(prefix+name), strings.Join(known, ", "))
	if len(known) == 0 {
		message = fmt.Sprintf("The field %s is not known: this request has no fields, so leave the body out.", quote(prefix+name))
	}
	if near := wire.Nearest(name, known); near != "" {
		message = fmt.Sprintf("The field %s is not known: did you mean %s? The fields are %s.", quote(prefix+name), prefix+near, strings.Join(known, ", "))
	}
	return &inputError{wire.ErrUnknownField, message}
}

func setField(field reflect.Value, info reflect.StructField, name string, raw json.RawMessage) error {
	switch kind := field.Type(); {
	case kind.Kind() == reflect.Pointer && kind.Elem().Kind() == reflect.Struct:
		return setObject(field, name, raw)
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct:
		return setObjects(field, name, raw)
	}
	var value any
	var want string
	var ok bool
	switch field.Interface().(type) {
	case *int64:
		want = "an integer"
		value, ok = jsonInteger(raw)
	case *bool:
		want = "true or false"
		value, ok = new(string(raw) == "true"), kindOf(raw) == "a boolean"
	case *string:
		want = "a string"
		value, ok = jsonString(raw)
	case []int64:
		value, err := jsonIntegers(name, raw)
		if err == nil {
			field.Set(reflect.ValueOf(value))
		}
		return err
	case []json.RawMessage:
		value, err := jsonObjects(name, raw)
		if err == nil {
			field.Set(reflect.ValueOf(value))
		}
		return err
	case []string:
		want = "an array of strings or one string"
		value, ok = stringList(raw, info.Tag.Get("separators"))
	}
	if !ok {
		kind := kindOf(raw)
		if _, list := field.Interface().([]string); list {
			kind = describeNonStrings(raw)
		}
		return &token.InvalidError{Field: name, Reason: "must be " + want + ", not " + kind}
	}
	field.Set(reflect.ValueOf(value))
	return nil
}

// jsonInteger reads a JSON integer. One too large for int64 becomes the largest,
// so that the field's own rule refuses it.
func jsonInteger(raw json.RawMessage) (*int64, bool) {
	if kindOf(raw) != "an integer" {
		return nil, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		n = math.MaxInt64
		if raw[0] == '-' {
			n = math.MinInt64
		}
	}
	return &n, true
}

// setObject sets a pointer to a struct to what a JSON object has.
func setObject(field reflect.Value, name string, raw json.RawMessage) error {
	if kind := kindOf(raw); kind != "an object" {
		return &token.InvalidError{Field: name, Reason: "must be an object, not " + kind}
	}
	object := reflect.New(field.Type().Elem())
	if err := readObject(object.Interface(), name, raw); err != nil {
		return err
	}
	field.Set(object)
	return nil
}

// setObjects sets a slice of structs to what an array of JSON objects has.
func setObjects(field reflect.Value, name string, raw json.RawMessage) error {
	elements, err := jsonObjects(name, raw)
	if err != nil {
		return err
	}
	objects := reflect.MakeSlice(field.Type(), len(elements), len(elements))
	for i, element := range elements {
		if err := readObject(objects.Index(i).Addr().Interface(), fmt.Sprintf("%s[%d]", name, i), element); err != nil {
			return err
		}
	}
	field.Set(objects)
	return nil
}

func readObject(into any, name string, raw json.RawMessage) error {
	names, values, err := parseObject(raw)
	if err != nil {
		return err
	}
	return setMembers(name+".", into, names, values, computedFields)
}

// computedFields are parts of objects that the API computes. They are ignored,
// so that a token can be sent back as it came.
var computedFields = []string{"used", "remaining", "resets_at", "extra"}

// jsonIntegers reads an array of JSON integers.
func jsonIntegers(name string, raw json.RawMessage) ([]int64, error) {
	elements, err := jsonArray(name, "integers", raw)
	list := make([]int64, len(elements))
	for i, element := range elements {
		n, ok := jsonInteger(element)
		if !ok {
			return nil, &token.InvalidError{Field: fmt.Sprintf("%s[%d]", name, i), Reason: "must be an integer, not " + kindOf(element)}
		}
		list[i] = *n
	}
	return list, err
}

// jsonObjects reads an array of JSON objects.
func jsonObjects(name string, raw json.RawMessage) ([]json.RawMessage, error) {
	elements, err := jsonArray(name, "objects", raw)
	for i, element := range elements {
		if kind := kindOf(element); kind != "an object" {
			return nil, &token.InvalidError{Field: fmt.Sprintf("%s[%d]", name, i), Reason: "must be an object, not " + kind}
		}
	}
	return elements, err
}

func jsonArray(name, of string, raw json.RawMessage) (elements []json.RawMessage, err error) {
	if kind := kindOf(raw); kind != "an array" {
		return nil, &token.InvalidError{Field: name, Reason: "must be an array of " + of + ", not " + kind}
	}
	return elements, json.Unmarshal(raw, &elements)
}

func jsonString(raw json.RawMessage) (*string, bool) {
	var s string
	if kindOf(raw) != "a string" || json.Unmarshal(raw, &s) != nil {
		return nil, false
	}
	return &s, true
}

// stringList reads an array of strings, or a string whose parts stand
// between separators; empty parts of it are none.
func stringList(raw json.RawMessage, separators string) ([]string, bool) {
	if s, ok := jsonString(raw); ok {
		parts := strings.FieldsFunc(*s, func(r rune) bool { return strings.ContainsRune(separators, r) })
		list := make([]string, 0, len(parts))
		for _, part := range parts {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, true
	}
	var elements []json.RawMessage
	if kindOf(raw) != "an array" || json.Unmarshal(raw, &elements) != nil {
		return nil, false
	}
	list := make([]string, len(elements))
	for i, element := range elements {
		s, ok := jsonString(element)
		if !ok {
			return nil, false
		}
		list[i] = *s
	}
	return list, true
}

// describeNonStrings describes a value that is not a list of strings. Of an
// array it names the type of the first element that is not a string.
func describeNonStrings(raw json.RawMessage) string {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return kindOf(raw)
	}
	for _, element := range elements {
		if kind := kindOf(element); kind != "a string" {
			return "an array with " + kind + " in it"
		}
	}
	return "an array"
}

// kindOf names the type of a JSON value, for a message.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		if bytes.ContainsAny(raw, ".eE") {
			return "a number with a fraction or exponent"
		}
		return "an integer"
	}
}

// quote shows a text that a caller sent, escaped and not too long.
func quote(s string) string {
	const shown = 40
	if runes := []rune(s); len(runes) > shown {
		return strconv.QuoteToASCII(string(runes[:shown])) + "…"
	}
	return strconv.QuoteToASCII(s)
}
