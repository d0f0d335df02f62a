package export

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// fields reads the values of one record, and keeps what is wrong first.
type fields struct {
	values   map[string]any
	options  Options
	problem  string
	skip     string
	warnings []string
}

func (f *fields) wrong(sentence string) {
	if f.problem == "" {
		f.problem = sentence
	}
}

// find is the first of the columns that has a value.
func (f *fields) find(names ...string) (string, any) {
	for _, name := range names {
		if v, ok := f.values[name]; ok {
			return name, v
		}
	}
	return "", nil
}

// scalar is a value as text; ok is whether it is one that text can be.
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

func (f *fields) text(names ...string) string {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if !ok {
		f.wrong(name + " must be text")
	}
	return s
}

// integer is nil where there is none. A spreadsheet's 1.79E+09 has lost what
// it was.
func (f *fields) integer(names ...string) *int64 {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if s == "" && ok {
		return nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if !ok || err != nil || strings.Trim(fraction, "0") != "" {
		f.wrong(name + " must be a whole number, written with all its digits")
	}
	return &n
}

// boolean is nil where there is none.
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

// list reads a list, or a text with separators.
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
				f.wrong(name + " must be a list of texts")
			}
			add(s)
		}
		return list
	}
	s, ok := scalar(v)
	if !ok {
		f.wrong(name + " must be a list, or a text with commas")
	}
	if strings.HasPrefix(s, "[") { // a list as a database column has it
		if json.Unmarshal([]byte(s), &list) != nil {
			f.wrong(name + " must be a list, or a text with commas")
		}
		return list
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		add(part)
	}
	return list
}

// time is nil where there is none. One without a zone is in UTC.
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

// dollars are nil where there are none.
func (f *fields) dollars(names ...string) *big.Rat {
	name, v := f.find(names...)
	s, ok := scalar(v)
	if s == "" && ok {
		return nil
	}
	const longest = 40 // a number that a Rat can hold without harm
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
