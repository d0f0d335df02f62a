// Package export reads exports of other API token systems and converts each
// token to the input of a create. It works on the content of a file and calls no
// API. Its messages contain no value from the file, because a value may be a key.
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
	Format         string // Auto, CSV or JSON; empty means Auto
	UnitsPerDollar int64  // units per dollar of a budget; 0 makes every budget a problem
	Now            int64  // Unix seconds
	RestartWindows bool   // import partly used windows, too; they begin anew
}

// Formats of a file. Auto detects it from the content.
const (
	Auto = "auto"
	CSV  = "csv"
	JSON = "json"
)

// A File is a parsed export.
type File struct {
	Dialect  string // name of the system that wrote it
	Rows     []Row
	Warnings []string // about the whole file
}

// A Row is one token of an export. If Problem is set, the token can't be
// imported. If Skip is set, there is no need to import it. Both say why.
type Row struct {
	Number   int // counted from 1; the header of a CSV file is row 1
	OldID    string
	OldName  string
	Token    wire.TokenInput
	Problem  string
	Skip     string
	Warnings []string
}

// Soon is the minimum time to expiry, in seconds, of a token that is imported.
const Soon = 60

// Read parses an export. The error is about the whole file: one sentence without
// a full stop, with "it" for the file. A Row holds the problem of one token.
func Read(content []byte, o Options) (File, error) {
	records, warnings, err := split(content, o.Format)
	if err != nil {
		return File{}, err
	}
	if len(records) == 0 {
		return File{}, errors.New("it contains no tokens")
	}
	columns := map[string]string{} // original spelling by lower-case name
	for _, r := range records {
		for name := range r.fields {
			known := strings.ToLower(name)
			columns[known] = max(columns[known], name) // a fixed choice among several spellings
		}
	}
	d, err := detect(columns)
	if err != nil {
		return File{}, err
	}
	file := File{Dialect: d.name, Warnings: warnings}
	if unknown := d.unknown(columns); len(unknown) > 0 {
		file.Warnings = append(file.Warnings, "these columns are ignored because Latchkey has no such setting: "+strings.Join(unknown, ", "))
	}
	for _, r := range records {
		file.Rows = append(file.Rows, r.row(d, o))
	}
	return file, nil
}

// unknown returns the columns that are neither imported nor ignored, quoted.
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

// row converts a record to a row.
func (r record) row(d dialect, o Options) Row {
	row := Row{Number: r.number, Problem: r.problem}
	if row.Problem != "" {
		return row
	}
	f := fields{values: map[string]any{}, options: o}
	for name, value := range r.fields {
		known := strings.ToLower(name)
		if _, twice := f.values[known]; twice {
			row.Problem = "it has the same field twice, in upper and in lower case: remove one"
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
		row.Skip = "it has expired or will expire within a minute"
	}
	switch {
	case row.Skip != "":
		row.Problem, row.Warnings = "", nil
	case row.Problem == "":
		row.check(o.Now)
	}
	return row
}

// check applies the API's rules to a row. It also limits the old ID, which is
// written to the keys file.
func (r *Row) check(now int64) {
	const longest = 256
	in, err := Check(r.Token, now)
	switch {
	case err != nil:
		r.Problem = err.Error()
	case utf8.RuneCountInString(r.OldID) > longest:
		r.Problem = fmt.Sprintf("its ID must have at most %d characters", longest)
	case strings.ContainsFunc(r.OldID, func(c rune) bool { return unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control) }):
		r.Problem = "its ID must not contain control or bidirectional-override characters"
	default:
		r.Token, r.OldName = in, *in.Name
	}
}

// Check applies the API's rules to a new token and returns it in the API's own
// form, without repetitions, which may be much shorter.
func Check(in wire.TokenInput, now int64) (wire.TokenInput, error) {
	draft, err := token.New(limited(token.Settings{
		Name: in.Name, ExpiredTime: in.ExpiredTime, RemainQuota: in.RemainQuota, UnlimitedQuota: in.UnlimitedQuota,
		ModelLimitsEnabled: in.ModelLimitsEnabled, Models: in.Models, AllowIPs: in.AllowIPs, Group: in.Group,
	}, in.LimitsInput), 0, now)
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
