package export

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fields reads the values of one record and keeps the first problem.
type fields struct {
	values   map[string]any
	options  Options
	problem  string
	skip     string
	warnings []string
}

// wrong records a problem unless there is one already.
func (f *fields) wrong(sentence string) {
	if f.problem == "" {
		f.problem = sentence
	}
}

// find returns the first of the named columns that has a value.
func (f *fields) find(names ...string) (string, any) {
	for _, name := range names {
		if v, ok := f.values[name]; ok {
			return name, v
		}
	}
	return "", nil
}

// has reports whether one of the named columns has a value, which may be empty. A
// setting of which the export says nothing is left to the API's defaults and to
// those of the user's policy.
func (f *fields) has(names ...string) bool {
	_, v := f.find(names...)
	return v != nil
}

// scalar returns a value as text. ok is false for a list or an object.
func scalar(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", v == nil
	}
}

// text returns a value as text, or an empty string if there is none.
func (f *fields) text(names ...string) string {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if !ok {
		f.wrong(name + " must be text")
	}
	return s
}

// integer returns nil if there is no value. It refuses 1.79E+09, as a spreadsheet
// writes long numbers, because digits are lost.
func (f *fields) integer(names ...string) *int64 {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if s == "" && ok {
		return nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if !ok || err != nil || strings.Trim(fraction, "0") != "" {
		f.wrong(name + " must be a whole number with all its digits")
	}
	return &n
}

// boolean returns nil if there is no value.
func (f *fields) boolean(names ...string) *bool {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if s == "" && ok {
		return nil
	}
	b, err := strconv.ParseBool(strings.ToLower(s))
	if !ok || err != nil {
		f.wrong(name + " must be true or false")
	}
	return &b
}

// oneList is list for a setting that has two names. If both have elements, they must
// be the same ones.
func (f *fields) oneList(separators, name, otherName string) []string {
	list, other := f.list(separators, name), f.list(separators, otherName)
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	switch {
	case len(list) == 0:
		return other
	case len(other) > 0 && !slices.Equal(set(list), set(other)):
		f.wrong(name + " and " + otherName + " are two names of one list and differ: keep only one of them")
	}
	return list
}

// list returns the elements of a list, or of a text split at separators.
func (f *fields) list(separators string, names ...string) []string {
	name, v := f.find(names...)
	list := []string{}
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	if elements, ok := v.([]any); ok {
		for _, e := range elements {
			s, ok := e.(string)
			if !ok {
				f.wrong(name + " must be a list of strings")
			}
			add(s)
		}
		return list
	}
	s, ok := scalar(v)
	if !ok {
		f.wrong(name + " must be a list, or text separated by commas")
	}
	if strings.HasPrefix(s, "[") { // a JSON list in a text column of a database
		if json.Unmarshal([]byte(s), &list) != nil {
			f.wrong(name + " must be a list, or text separated by commas")
		}
		return list
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		add(part)
	}
	return list
}

// time returns nil if there is no value. A time without a zone is in UTC.
func (f *fields) time(names ...string) *int64 {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if s == "" && ok {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime} {
		if at, err := time.Parse(layout, s); err == nil {
			return new(at.Unix())
		}
	}
	f.wrong(name + " must be a time such as 2030-01-31T12:00:00Z")
	return nil
}

// dollars returns nil if there is no value.
func (f *fields) dollars(names ...string) *big.Rat {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if s == "" && ok {
		return nil
	}
	const longest = 40 // keeps the Rat small
	x, err := strconv.ParseFloat(s, 64)
	const most = 1e15
	if !ok || err != nil || len(s) > longest || !(x > -most && x < most) {
		f.wrong(name + " must be an amount in dollars")
		return nil
	}
	if strings.ContainsAny(s, "eE") {
		s = strconv.FormatFloat(x, 'f', -1, 64)
	}
	amount, ok := new(big.Rat).SetString(s)
	if !ok {
		f.wrong(name + " must be an amount in dollars")
	}
	return amount
}
