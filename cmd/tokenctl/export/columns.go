package export

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Column is a column of an export that Latchkey does not know and that has
// values. It may restrict tokens.
type Column struct {
	Name   string   // as the file writes it, shortened
	Rows   int      // that have a value
	Values []string // the first few different ones, shortened
}

// twice is the problem of a row with two fields of the same name.
const twice = "it has the same field twice, perhaps in upper and in lower case: remove one"

// flat returns the values of a record by column, in lower case, with a column for
// each part of the dialect's objects. It returns a problem if two columns have the
// same name, or a text is not the object that it must be.
func (d dialect) flat(in map[string]any) (values map[string]any, problem, column string) {
	values = map[string]any{}
	var walk func(prefix string, in map[string]any)
	walk = func(prefix string, in map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			known, v := strings.ToLower(prefix+name), in[name]
			if slices.Contains(d.objects, known) {
				if text, ok := v.(string); ok && !isEmpty(v) {
					v, _ = parseJSON(text)
					if _, ok := v.(*object); !ok {
						problem, column = known+" must be an object in JSON", known
						continue
					}
				}
				if o, ok := v.(*object); ok {
					if o.twice {
						problem, column = twice, known
					}
					values[known] = nil
					walk(prefix+name+".", o.fields)
					continue
				}
			}
			if _, ok := values[known]; ok {
				problem = twice
			}
			values[known] = v
		}
	}
	walk("", in)
	return values, problem, column
}

// ignores reports whether the user has said that a column does not count. A column
// that is known to restrict must be named itself; another also counts as named if
// its object is.
func (d dialect) ignores(o Options, column string) bool {
	_, restricts := d.restricting[column]
	return slices.ContainsFunc(o.IgnoreColumns, func(name string) bool {
		name = strings.ToLower(name)
		return name == column || !restricts && !d.imports(column) && strings.HasPrefix(column, name+".")
	})
}

func (d dialect) imports(column string) bool { return slices.Contains(d.columns, column) }

// isUnknown reports whether a column is neither imported nor known to restrict or
// to restrict nothing.
func (d dialect) isUnknown(column string) bool {
	_, restricts := d.restricting[column]
	return !restricts && !d.imports(column) && !slices.Contains(d.harmless, column) && !slices.Contains(alwaysHarmless, column)
}

// checkIgnored returns an error if the user wants to ignore a column that the file has
// and that is imported.
func (d dialect) checkIgnored(o Options, columns map[string]string) error {
	for _, name := range o.IgnoreColumns {
		column := strings.ToLower(name)
		_, restricts := d.restricting[column]
		_, has := columns[column]
		if has && d.imports(column) && !restricts && !slices.Contains(d.optional, column) {
			return fmt.Errorf("its column %s is imported and can't be ignored: change the file if the column is wrong", column)
		}
	}
	return nil
}

// drop removes the ignored columns of a record and returns the problem of the first
// of the others that restricts.
func (d dialect) drop(f *fields) {
	for _, column := range slices.Sorted(maps.Keys(f.values)) {
		if d.ignores(f.options, column) {
			delete(f.values, column)
			continue
		}
		if advice, restricts := d.restricting[column]; restricts && d.restricts(f, column) {
			f.wrong(column, advice+"; then add --ignore-column "+column)
		}
	}
}

// restricts reports whether the value of a column that is known to restrict does.
func (d dialect) restricts(f *fields, column string) bool {
	v := f.values[column]
	s, _ := asText(v)
	switch {
	case isEmpty(v), slices.Contains([]string{"false", "f"}, strings.ToLower(s)):
		return false
	case column == "user_id":
		return s != "default_user_id" // the operator's own
	case column == "budget_id":
		return !slices.ContainsFunc(slices.Collect(maps.Keys(f.values)), func(name string) bool { return strings.HasPrefix(name, budgetTable) })
	default:
		return true
	}
}

// unknown returns the columns of records that are not known and have a value.
func (d dialect) unknown(o Options, all []map[string]any) []Column {
	found := map[string]*Column{}
	for _, values := range all {
		for column, v := range values {
			if isEmpty(v) || !d.isUnknown(column) || d.ignores(o, column) {
				continue
			}
			c := found[column]
			if c == nil {
				c = &Column{Name: nameShown(column)}
				found[column] = c
			}
			c.Rows++
			const most = 3
			if s := valueShown(v); len(c.Values) < most && !slices.Contains(c.Values, s) {
				c.Values = append(c.Values, s)
			}
		}
	}
	var columns []Column
	for _, name := range slices.Sorted(maps.Keys(found)) {
		columns = append(columns, *found[name])
	}
	return columns
}

// valueShown returns the beginning of a value for a message. Of a text that may be a
// key it is very short.
func valueShown(v any) string {
	s, ok := asText(v)
	if !ok {
		content, _ := json.Marshal(v) // it was read from JSON
		s = string(content)
	}
	return shortened(s)
}

// nameShown returns the name of a column for a message, unless it may be a key.
func nameShown(name string) string {
	if strings.ContainsAny(name, "0123456789") {
		return shortened(name)
	}
	const longest = 64
	if letters := []rune(name); len(letters) > longest {
		return string(letters[:longest]) + "…"
	}
	return credential.Redact(name)
}

// shortened returns the beginning of a text for a message. Of a long word, which
// may be a key, it is very short.
func shortened(s string) string {
	const longest, longestWord, shown = 40, 20, 4
	words := strings.FieldsFunc(credential.Redact(s), func(r rune) bool { return strings.ContainsRune(" \t\r\n\"',:;{}[]", r) })
	for _, word := range words {
		if letters := []rune(word); len(letters) > longestWord && !strings.Contains(word, ".") {
			return string(letters[:shown]) + "…"
		}
	}
	if letters := []rune(credential.Redact(s)); len(letters) > longest {
		return string(letters[:longest]) + "…"
	}
	return credential.Redact(s)
}
