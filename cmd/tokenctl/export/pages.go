package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A page is a list of tokens and what the answer around it says about others.
type page struct {
	tokens []any
	total  int64 // tokens of all pages; 0 if the answer does not say it
	pages  int64 // all pages; 0 if the answer does not say it
	more   bool  // other pages follow
	silent bool  // the answer does not say whether other pages follow
}

// tokensOf returns the tokens of the values of a file. The error is that it is only
// a part of an export.
func tokensOf(values []any) ([]any, []string, error) {
	if first := pageOf(values[0]); first == nil {
		return values, nil, nil // JSON Lines
	}
	var all []any
	var total, count int64
	complete := false
	var warnings []string
	for _, v := range values {
		p := pageOf(v)
		if p == nil {
			return nil, nil, errors.New("it has more content after its list: keep lists alone, or one object per line")
		}
		all = append(all, p.tokens...)
		total, count = max(total, p.total), max(count, p.pages)
		complete = complete || !p.more
		const pageSize = 10 // of One API
		if p.silent && len(values) == 1 && len(all) > 0 && len(all)%pageSize == 0 {
			warnings = append(warnings, fmt.Sprintf("the answer has %d tokens and does not say whether there are more: One API answers %d at a time, and the other pages can follow in the same file", len(all), pageSize))
		}
	}
	const rest = "get the other pages and put all of them into one file, one after the other or, if you want only these, keep only the list of tokens"
	switch n := int64(len(all)); {
	case n < total:
		return nil, nil, fmt.Errorf("it has %d of %d tokens: %s", n, total, rest)
	case total > 0:
	case int64(len(values)) < count:
		return nil, nil, fmt.Errorf("it has %d of %d pages: %s", len(values), count, rest)
	case count == 0 && !complete:
		return nil, nil, fmt.Errorf("it says that more tokens follow: %s", rest)
	}
	return all, warnings, nil
}

// pageOf returns the list in a saved answer of an API, or nil if v holds no list.
// In a list of tables, as phpMyAdmin writes it, that is the rows of the tables.
func pageOf(v any) *page {
	switch v := v.(type) {
	case []any:
		if rows, ok := rowsOfTables(v); ok {
			return &page{tokens: rows}
		}
		return &page{tokens: v}
	case *object:
		for _, name := range []string{"data", "items", "tokens", "keys"} {
			if p := pageOf(v.fields[name]); p != nil {
				if _, isList := v.fields[name].([]any); isList {
					p.silent = true
				}
				p.describe(v)
				return p
			}
		}
	}
	return nil
}

// rowsOfTables returns the rows of the tables in a list, or false if it has none.
func rowsOfTables(list []any) ([]any, bool) {
	var rows []any
	found := false
	for _, v := range list {
		o, ok := v.(*object)
		if !ok || o.fields["type"] != "table" {
			continue
		}
		data, ok := o.fields["data"].([]any)
		rows, found = append(rows, data...), found || ok
	}
	return rows, found
}

// describe adds what an answer says about other pages.
func (p *page) describe(answer *object) {
	for name, v := range answer.fields {
		switch {
		case slices.Contains([]string{"total", "total_count", "totalCount"}, name):
			p.total = max(p.total, count(v))
		case slices.Contains([]string{"total_pages", "totalPages"}, name):
			p.pages = max(p.pages, count(v))
		case slices.Contains([]string{"hasMore", "has_more", "cursor", "next_cursor", "nextCursor", "next", "NextToken", "position"}, name):
			p.more = p.more || !isEmpty(v) && v != false && v != json.Number("0")
		case name == "pagination" || name == "meta":
			if inner, ok := v.(*object); ok {
				p.describe(inner)
			}
			continue
		default:
			continue
		}
		p.silent = false
	}
}

// count returns a number of an answer, or 0.
func count(v any) int64 {
	n, _ := v.(json.Number)
	i, _ := strconv.ParseInt(n.String(), 10, 64) // 0 if it is not a number
	return i
}
