package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// fields reads the values of one record and keeps the first problem.
type fields struct {
	values   map[string]any
	present  map[string]bool // columns that the record has, also without a value
	options  Options
	problem  string
	column   string // that the problem is about; may be empty
	skip     string
	warnings []string
}

// errWord is the problem of a text that some exporters write for no value, in
// quotes: it may be a name, and it may be none.
var errWord = errors.New("is a text such as NULL in quotes, and it is not clear whether that stands for no value: export again without quotes around NULL, or leave the cell empty")

// wrong records a problem unless there is one already. The sentence begins with the
// column, unless that is empty.
func (f *fields) wrong(column, sentence string) {
	if f.problem == "" {
		f.problem, f.column = strings.TrimSpace(column+" "+sentence), column
	}
}

// find returns the first of the named columns that has a value.
func (f *fields) find(names ...string) (string, any) {
	for _, name := range names {
		if v := f.values[name]; !isEmpty(v) {
			return name, v
		}
	}
	return "", nil
}

// has reports whether one of the named columns has a value, which may be empty. A
// setting of which the export says nothing is left to the API's defaults and to
// those of the user's policy.
func (f *fields) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.values[name] != nil })
}

// asText returns a value as text. ok is false for a list or an object.
func asText(v any) (text string, ok bool) {
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

// label returns the value of the first of the named columns that has one, as it is.
func (f *fields) label(names ...string) string {
	name, v := f.find(names...)
	s, ok := asText(v)
	if !ok {
		f.wrong(name, "must be text")
	}
	return s
}

// text returns the text of the named columns, of which only one may have a value,
// or all the same. It is empty if none has.
func (f *fields) text(names ...string) (column, text string) {
	for _, name := range names {
		v := f.values[name]
		if isEmpty(v) {
			continue
		}
		s, ok := asText(v)
		switch {
		case !ok:
			f.wrong(name, "must be a single value")
		case isNoValue(s):
			f.wrong(name, errWord.Error())
		case column != "" && s != text:
			f.wrong(name, "differs from "+column+", which means the same: remove the one that does not count")
		default:
			column, text = name, s
		}
	}
	return column, text
}

// integer returns nil if there is no value. It refuses 1.79E+09, as a spreadsheet
// writes long numbers, because digits are lost.
func (f *fields) integer(names ...string) *int64 {
	name, s := f.text(names...)
	if s == "" {
		return nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0") != "" {
		f.wrong(name, "must be a whole number with all its digits")
	}
	return &n
}

// boolean returns nil if there is no value.
func (f *fields) boolean(name string) *bool {
	_, s := f.text(name)
	if s == "" {
		return nil
	}
	b, err := strconv.ParseBool(strings.ToLower(s))
	if err != nil {
		f.wrong(name, "must be true or false")
	}
	return &b
}

// list returns the elements of the named columns, of which only one may have a
// value, or all the same elements. A text is split at separators.
func (f *fields) list(separators string, names ...string) []string {
	list, from := []string{}, ""
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	for _, name := range names {
		v := f.values[name]
		if isEmpty(v) {
			continue
		}
		next, err := elements(v, separators)
		switch {
		case err != nil:
			f.wrong(name, err.Error())
		case from == "":
			list, from = next, name
		case !slices.Equal(set(list), set(next)):
			f.wrong("", from+" and "+name+" are two names of one list and differ: keep only one of them")
		}
	}
	return list
}

// time returns nil if there is no value. A time without a zone is in UTC.
func (f *fields) time(name string) *int64 {
	_, s := f.text(name)
	if s == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07", "2006-01-02T15:04:05", time.DateTime} {
		if at, err := time.Parse(layout, s); err == nil {
			return new(at.Unix())
		}
	}
	f.wrong(name, "must be a time such as 2030-01-31T12:00:00Z")
	return nil
}

// dollars returns nil if there is no value.
func (f *fields) dollars(name string) *big.Rat {
	_, s := f.text(name)
	if s == "" {
		return nil
	}
	const longest = 40 // keeps the Rat small
	x, err := strconv.ParseFloat(s, 64)
	const most = 1e15
	if err != nil || len(s) > longest || !(x > -most && x < most) {
		f.wrong(name, "must be an amount in dollars")
		return nil
	}
	if strings.ContainsAny(s, "eE") {
		s = strconv.FormatFloat(x, 'f', -1, 64)
	}
	amount, ok := new(big.Rat).SetString(s)
	if !ok {
		f.wrong(name, "must be an amount in dollars")
	}
	return amount
}

// units converts dollars to units, rounded down. It records a problem if the scale
// is missing or the amount too large.
func (f *fields) units(column string, dollars *big.Rat) int64 {
	if f.options.UnitsPerDollar <= 0 {
		f.wrong("", "its budget is in dollars: set --units-per-dollar; the scale of New API is 500000")
		return 0
	}
	amount := new(big.Rat).Mul(dollars, new(big.Rat).SetInt64(f.options.UnitsPerDollar))
	units := new(big.Int).Div(amount.Num(), amount.Denom()) // rounds down
	if !units.IsInt64() {
		f.wrong(column, fmt.Sprintf("is above %d units: lower the budget or --units-per-dollar", int64(token.MaxInteger)))
		return 0
	}
	return units.Int64()
}
