// Package export reads the exports of other systems for API tokens, and says
// what each token is in Latchkey. It knows files' contents alone, and calls
// nothing. It never shows what stands in a field, for that may be a key.
package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// Options say how to read an export.
type Options struct {
	Format         string // csv, json, or auto, also as "", to tell by the content
	UnitsPerDollar int64  // what a dollar of a budget is; 0 refuses budgets
	Now            int64  // Unix seconds
}

// The formats.
const (
	Auto = "auto"
	CSV  = "csv"
	JSON = "json"
)

// A File is an export that was read.
type File struct {
	Dialect  string // the system that it is of
	Rows     []Row
	Warnings []string // on the whole file
}

// A Row is one token of an export. With a Problem it can't be imported, with
// a Skip it need not be.
type Row struct {
	Number   int // from 1; in CSV the header is 1
	OldID    string
	OldName  string
	Token    wire.TokenInput
	Problem  string
	Skip     string
	Warnings []string
}

// Soon is how many seconds a token must live to be worth importing.
const Soon = 60

// Read reads an export. An error is one sentence, without its full stop, on
// the whole file; what is wrong with a row stands there.
func Read(content []byte, o Options) (File, error) {
	records, warnings, err := split(content, o.Format)
	if err != nil {
		return File{}, err
	}
	if len(records) == 0 {
		return File{}, errors.New("there are no tokens in it")
	}
	columns := map[string]string{} // as they are written, by how they are known
	for _, r := range records {
		for name := range r.fields {
			known := strings.ToLower(name)
			columns[known] = max(columns[known], name) // one of them, and always the same
		}
	}
	d, err := detect(columns)
	if err != nil {
		return File{}, err
	}
	file := File{Dialect: d.name, Warnings: warnings}
	if unknown := d.unknown(columns); len(unknown) > 0 {
		file.Warnings = append(file.Warnings, "these columns have no counterpart and are ignored: "+strings.Join(unknown, ", "))
	}
	for _, r := range records {
		file.Rows = append(file.Rows, r.row(d, o))
	}
	return file, nil
}

func (d dialect) unknown(columns map[string]string) []string {
	var unknown []string
	for known, written := range columns {
		if !slices.Contains(d.columns, known) && !slices.Contains(d.ignored, known) && !slices.Contains(alwaysIgnored, known) {
			unknown = append(unknown, fmt.Sprintf("%.40q", credential.Redact(written)))
		}
	}
	slices.Sort(unknown)
	return unknown
}

func (r record) row(d dialect, o Options) Row {
	row := Row{Number: r.number, Problem: r.problem}
	if row.Problem != "" {
		return row
	}
	f := fields{values: map[string]any{}, options: o}
	for name, value := range r.fields {
		known := strings.ToLower(name)
		if _, twice := f.values[known]; twice {
			row.Problem = "it has a field twice, in capitals and in small letters: remove one"
			return row
		}
		f.values[known] = value
	}
	row.Token = d.read(&f)
	row.OldID = f.text(d.id...)
	row.OldName = f.text(d.label...)
	row.Token.Name = &row.OldName
	row.Problem, row.Skip, row.Warnings = f.problem, f.skip, f.warnings
	if expires := row.Token.ExpiredTime; expires != nil && *expires > 0 && *expires <= o.Now+Soon {
		row.Skip = "it is expired, or will be within a minute"
	}
	switch {
	case row.Skip != "":
		row.Problem, row.Warnings = "", nil
	case row.Problem == "":
		row.check(o.Now)
	}
	return row
}

// check holds a row to the API's rules, and its old id to such as are for
// names: it goes to the same file.
func (r *Row) check(now int64) {
	const longest = 256
	in, err := Check(r.Token, now)
	switch {
	case err != nil:
		r.Problem = err.Error()
	case utf8.RuneCountInString(r.OldID) > longest:
		r.Problem = fmt.Sprintf("its id must have at most %d characters", longest)
	case strings.ContainsFunc(r.OldID, func(c rune) bool { return unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control) }):
		r.Problem = "its id must not contain control or bidirectional-override characters"
	default:
		r.Token, r.OldName = in, *in.Name
	}
}

// Check holds what a new token is to be to the API's rules, before it is sent,
// and writes it as the API does: long texts may be short then.
func Check(in wire.TokenInput, now int64) (wire.TokenInput, error) {
	draft, err := token.New(token.Settings{
		Name: in.Name, ExpiredTime: in.ExpiredTime, RemainQuota: in.RemainQuota, UnlimitedQuota: in.UnlimitedQuota,
		ModelLimitsEnabled: in.ModelLimitsEnabled, Models: in.Models, AllowIPs: in.AllowIPs, Group: in.Group,
	}, 0, now)
	if err != nil {
		return in, err
	}
	in.Name = &draft.Name
	if in.Models != nil {
		in.Models = draft.Models
	}
	if in.AllowIPs != nil {
		in.AllowIPs = draft.AllowIPs
	}
	if in.Group != nil {
		in.Group = &draft.Group
	}
	return in, nil
}
