// Package export reads the exports of other systems for API tokens, and says
// what each token is in Latchkey. It knows files' contents alone, and calls
// nothing. It never shows what stands in a field, for that may be a key.
package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
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
	Token    api.TokenInput
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
			columns[strings.ToLower(name)] = name
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
			unknown = append(unknown, fmt.Sprintf("%.40q", token.Redact(written)))
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
		f.values[strings.ToLower(name)] = value
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
		if err := Check(row.Token, o.Now); err != nil {
			row.Problem = err.Error()
		}
	}
	return row
}

// Check holds what a new token is to be to the API's rules, before it is
// sent.
func Check(in api.TokenInput, now int64) error {
	_, err := token.Draft(token.Update{
		Name: in.Name, ExpiredTime: in.ExpiredTime, RemainQuota: in.RemainQuota, UnlimitedQuota: in.UnlimitedQuota,
		ModelLimitsEnabled: in.ModelLimitsEnabled, Models: in.Models, AllowIPs: in.AllowIPs, Group: in.Group,
	}, 0, now)
	return err
}
