// Package export reads exports of other API token systems and converts each
// token to the input of a create. It works on the content of a file and calls no
// API. Its messages contain no value from the file, because a value may be a key.
package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// Options say how to read an export.
type Options struct {
	Format         string   // Auto, CSV or JSON; empty means Auto
	UnitsPerDollar int64    // units per dollar of a budget; 0 makes every budget a problem
	Now            int64    // Unix seconds
	RestartWindows bool     // import partly used windows, too; they begin anew
	IgnoreColumns  []string // columns that don't count although they have values
	KeepKeys       bool     // read Row.Key; a row without one has a problem
	Compare        bool     // read Row.There
	Users          Users    // who gets the tokens of whom; nil if one user gets all
	ByID           bool     // the content has no lines that a person knows: Row.Number is the ID of the token, if all have one
}

// Formats of a file. Auto detects it from the content.
const (
	Auto = "auto"
	CSV  = "csv"
	JSON = "json"
)

// A File is a parsed export. If it has Unknown columns, its rows may be restricted
// by them.
type File struct {
	Dialect  string // name of the system that wrote it
	Rows     []Row
	Unknown  []Column
	Warnings []string // about the whole file
}

// A Row is one token of an export. If Problem is set, the token can't be
// imported. If Skip is set, there is no need to import it. Both say why.
type Row struct {
	Number   int    // counted from 1; the header of a CSV file is row 1
	Line     int    // where it begins in the file; 0 if Number is its ID
	Column   string // that Problem is about; may be empty
	OldID    string
	OldName  string
	Token    wire.TokenInput
	User     string // of Latchkey, who gets it; only if Options.Users
	Owner    string // there, whom Problem says that Options.Users lacks
	Key      Key    // only if Options.KeepKeys
	Used     int64  // units that were used there
	There    There  // only if Options.Compare
	Problem  string
	Skip     string
	Warnings []string
}

// Place returns where a row is, for a message.
func (r Row) Place() string {
	if r.Line == 0 || r.Line == r.Number {
		return r.at()
	}
	return fmt.Sprintf("%s, line %d", r.at(), r.Line)
}

// at is Place without the line.
func (r Row) at() string {
	if r.Line == 0 {
		return fmt.Sprintf("ID %d", r.Number)
	}
	return fmt.Sprintf("row %d", r.Number)
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
	if o.ByID {
		numberByID(records)
	}
	columns := columnsOf(records)
	d, err := detect(columns)
	if err == nil {
		err = d.checkIgnored(o, columns)
	}
	if err != nil {
		return File{}, err
	}
	file := File{Dialect: d.name, Warnings: warnings}
	var all, imported []map[string]any
	byID, byKey := map[string]string{}, map[[32]byte]string{} // places
	var bounded boundElsewhere
	for _, r := range records {
		row, values := r.row(d, o)
		all = append(all, values)
		if first, ok := byID[row.OldID]; ok && row.Problem == "" && row.Skip == "" {
			row.Problem = fmt.Sprintf("it has the same ID as %s: remove one, or its quota is granted twice", first)
		}
		if first, ok := byKey[row.Key.Hash]; ok && row.Key.Mask != "" && row.Problem == "" && row.Skip == "" {
			row.Problem = fmt.Sprintf("it has the same key as %s: remove one of them", first)
		}
		if row.OldID != "" {
			byID[row.OldID] = row.at()
		}
		byKey[row.Key.Hash] = row.at()
		if row.Skip == "" {
			imported = append(imported, values)
		}
		if row.Problem == "" && row.Skip == "" && !isOurs(values) {
			bounded.add(row.Token)
		}
		file.Rows = append(file.Rows, row)
	}
	file.Unknown = d.unknown(o, imported)
	file.Warnings = append(file.Warnings, d.about(o, columns, all)...)
	file.Warnings = append(file.Warnings, bounded.warnings(d)...)
	return file, nil
}

// numberByID gives records the numbers of their IDs, if each has one of its own.
func numberByID(records []record) {
	ids := map[int]bool{}
	numbers := make([]int, len(records))
	for i, r := range records {
		id, _ := r.fields["id"].(json.Number)
		n, err := strconv.Atoi(id.String())
		if err != nil || n < 1 || ids[n] {
			return
		}
		ids[n], numbers[i] = true, n
	}
	for i, n := range numbers {
		records[i].number, records[i].line = n, 0
	}
}

// columnsOf returns the columns of records: the original spelling by the lower-case
// name.
func columnsOf(records []record) map[string]string {
	columns := map[string]string{}
	for _, r := range records {
		for name := range r.fields {
			known := strings.ToLower(name)
			columns[known] = max(columns[known], name) // a fixed choice among several spellings
		}
	}
	return columns
}

// boundElsewhere counts tokens that settings bound that are not in the file: in New
// API the balance of the user, and the models of a group; in API Gateway a plan.
type boundElsewhere struct{ unlimited, grouped int }

func (b *boundElsewhere) add(in wire.TokenInput) {
	if in.UnlimitedQuota != nil && *in.UnlimitedQuota && len(in.Windows) == 0 {
		b.unlimited++
	}
	if in.Group != nil && (in.ModelLimitsEnabled == nil || !*in.ModelLimitsEnabled) {
		b.grouped++
	}
}

func (b *boundElsewhere) warnings(d dialect) []string {
	var warnings []string
	switch {
	case d.name == apiGateway().name && b.unlimited > 0:
		return []string{fmt.Sprintf("tokens with an unlimited quota: %d; in API Gateway usage plans bound them, and here only a limit of the token or a budget of their owner does", b.unlimited)}
	case d.name != newAPI().name:
		return nil
	}
	if b.unlimited > 0 {
		warnings = append(warnings, fmt.Sprintf("tokens with an unlimited quota: %d; in New API the balance of their user bounds them, and here only a budget of their owner does, which the operator sets with `tokenctl user budget NAME --units N`", b.unlimited))
	}
	if b.grouped > 0 {
		warnings = append(warnings, fmt.Sprintf("tokens with a group and all models: %d; in New API the group decides which models they can use, and here only what they pay: give them models if they must not use all", b.grouped))
	}
	return warnings
}

// row converts a record to a row, and returns the record's values.
func (r record) row(d dialect, o Options) (Row, map[string]any) {
	row := Row{Number: r.number, Line: r.line, Problem: r.problem, There: There{Problem: r.problem}}
	if row.Problem != "" {
		return row, nil
	}
	f := fields{present: map[string]bool{}, options: o}
	f.values, row.Problem, row.Column = d.flat(r.fields)
	if row.Problem != "" {
		row.There.Problem = row.Problem
		return row, nil
	}
	for column, v := range f.values {
		f.present[column] = true
		if v == nil {
			delete(f.values, column)
		}
	}
	values := maps.Clone(f.values)
	d.drop(&f)
	if o.Compare {
		row.There = d.compare(&fields{values: f.values, present: f.present, options: o})
	}
	row.Token = d.read(&f)
	d.checkWhole(&f)
	row.OldID = f.label(d.id...)
	row.OldName = f.label(d.label...)
	row.Token.Name = &row.OldName
	row.Problem, row.Column, row.Skip, row.Warnings = f.problem, f.column, f.skip, f.warnings
	if expires := row.Token.ExpiredTime; expires != nil && *expires > 0 && *expires <= o.Now+Soon {
		row.Skip = "it has expired or will expire within a minute"
	}
	switch {
	case row.Skip != "":
		row.Problem, row.Column, row.Warnings = "", "", nil
	case row.Problem == "":
		row.check(o.Now, f.present)
	}
	if o.KeepKeys && row.Skip == "" && row.Problem == "" {
		row.keep(d, &f)
	}
	if o.Users != nil && row.Skip == "" && row.Problem == "" {
		row.User, row.Column, row.Problem, row.Owner = o.Users.find(d, values)
	}
	return row, values
}

// check applies the API's rules to a row. It also limits the old ID, which is
// written to the keys file.
func (r *Row) check(now int64, columns map[string]bool) {
	const longest = 256
	in, err := Check(r.Token, now)
	var invalid *token.InvalidError
	switch {
	case errors.As(err, &invalid):
		r.Problem = invalid.Error()
		if field, _, _ := strings.Cut(invalid.Field, "["); columns[field] {
			r.Column = field
		}
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
	draft, err := token.New(settingsOf(in), 0, now)
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

// settingsOf returns the settings of a new token. They are as Check wants them.
func settingsOf(in wire.TokenInput) token.Settings {
	s := limited(token.Settings{
		Name: in.Name, ExpiredTime: in.ExpiredTime, RemainQuota: in.RemainQuota, UnlimitedQuota: in.UnlimitedQuota,
		ModelLimitsEnabled: in.ModelLimitsEnabled, Models: in.Models, AllowIPs: in.AllowIPs, Group: in.Group,
	}, in.LimitsInput)
	if in.Status != nil {
		s.Disabled = new(token.Status(*in.Status) == token.Disabled)
	}
	return s
}
