package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

// exportFlags are the flags of commands that read an export.
type exportFlags struct {
	File           string   `arg:"" help:"The export: CSV with a header row, JSON, or the SQLite database of New API or One API."`
	Format         string   `enum:"auto,csv,json" default:"auto" placeholder:"FORMAT" help:"csv, json, or auto to detect it from the content (default ${default})."`
	UnitsPerDollar int64    `placeholder:"N" help:"Units per dollar of a LiteLLM budget; 500000 on the scale of New API."`
	RestartWindows bool     `help:"Import tokens whose windows are partly used, too; their windows begin anew."`
	IgnoreColumn   []string `sep:"none" placeholder:"NAME" help:"Import although this column is missing, or has values that Latchkey does not know or has no equivalent of. Repeatable."`
	SkipBad        bool     `help:"Skip rows that can't be imported; without it, one such row stops the import."`
	DryRun         bool     `help:"Report what would be imported and which rows have errors; changes nothing and needs no login."`
}

// A reading is an export that was read and checked.
type reading struct {
	exportFlags
	out    *console
	file   export.File
	counts importCounts
	json   bool

	importable int    // rows; counts.Imported has those that were
	recipients string // continues a sentence; empty if it is the user who is logged in, or unknown
}

// importCounts is what --json prints.
type importCounts struct {
	Dialect  string `json:"dialect"`
	DryRun   bool   `json:"dry_run"`
	Rows     int    `json:"rows"`
	Imported int    `json:"imported"`          // or, in a dry run, would be
	Before   int    `json:"before,omitempty"`  // the part of Imported that earlier runs created
	Rotated  int    `json:"rotated,omitempty"` // the part of Before that has another key now
	Skipped  int    `json:"skipped"`
	Bad      int    `json:"bad"`
	KeysFile string `json:"keys_file,omitempty"`
}

// read reads and checks the file, and prints its errors and warnings. It returns an
// error if nothing of it can be imported, or less than the flags allow.
func (c exportFlags) read(ctx context.Context, out *console, keepKeys bool) (*reading, []byte, error) {
	in, err := readInput(ctx, c.File)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.check(out, in, export.Options{KeepKeys: keepKeys})
	return r, in.content, err
}

// check is read without reading.
func (c exportFlags) check(out *console, in input, o export.Options) (*reading, error) {
	o.Now = time.Now().Unix()
	file, err := c.parse(in, o)
	if err != nil {
		return nil, err
	}
	r := &reading{exportFlags: c, out: out, file: file}
	r.review()
	switch {
	case len(file.Unknown) > 0:
		return nil, r.unknown("imported")
	case r.counts.Bad > 0 && !c.SkipBad:
		return nil, problemf("%d of %d rows can't be imported, so nothing was imported: correct them, or skip them with --skip-bad", r.counts.Bad, r.counts.Rows)
	case r.counts.Imported == 0:
		return nil, problemf("none of %d rows can be imported, so nothing was imported", r.counts.Rows)
	}
	return r, nil
}

// parse applies the flags to what was read.
func (c exportFlags) parse(in input, o export.Options) (export.File, error) {
	if c.UnitsPerDollar < 0 || c.UnitsPerDollar > token.MaxInteger {
		return export.File{}, problemf("--units-per-dollar must be a number from 1 to %d", int64(token.MaxInteger))
	}
	o.Format, o.UnitsPerDollar, o.RestartWindows = c.Format, c.UnitsPerDollar, c.RestartWindows
	o.IgnoreColumns, o.ByID = c.IgnoreColumn, in.byID
	if in.byID {
		o.Format = export.JSON
	}
	file, err := export.Read(in.content, o)
	if err != nil {
		return export.File{}, problemf("%s can't be imported: %s", c.File, err)
	}
	return file, nil
}

// review counts the rows and prints warnings and errors on stderr, each cause once. It
// prints no value from the file, because the value may be a key.
func (r *reading) review() {
	n := &r.counts
	n.Dialect, n.DryRun, n.Rows = r.file.Dialect, r.DryRun, len(r.file.Rows)
	for _, warning := range r.file.Warnings {
		r.out.note("warning: " + warning + ".")
	}
	notes := rowNotes{every: r.SkipBad}
	for _, row := range r.file.Rows {
		switch {
		case row.Skip != "":
			n.Skipped++
			notes.add(row, "skipped: "+row.Skip)
		case row.Problem != "":
			n.Bad++
			notes.add(row, rowError+row.Problem)
		default:
			n.Imported++
			for _, warning := range row.Warnings {
				notes.add(row, "warning: "+warning)
			}
		}
	}
	notes.print(r.out)
}

// unknown lists the columns that are not known and returns the problem, which says
// what was not done.
func (r *reading) unknown(done string) error {
	flags := ""
	for _, c := range r.file.Unknown {
		r.out.note(fmt.Sprintf("column %q is unknown. Rows with a value: %d, such as %q.", c.Name, c.Rows, c.Values))
		flags += " --ignore-column " + c.Name
		if strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("._-", r) }) {
			flags = strings.TrimSuffix(flags, c.Name) + strconv.Quote(c.Name)
		}
	}
	return problemf("unknown columns of %s may restrict the tokens, so nothing was %s: if they do not matter, add%s", r.File, done, flags)
}

// conclude prints the result.
func (r *reading) conclude() error {
	if err := r.printResult(); err != nil {
		return err
	}
	if r.counts.Imported < r.counts.Rows {
		return &partialError{}
	}
	return nil
}

func (r *reading) printResult() error {
	n := r.counts
	if r.json {
		return r.out.printJSON(n)
	}
	left := fmt.Sprintf(" Skipped: %d. Errors: %d.", n.Skipped, n.Bad)
	if r.DryRun {
		return r.out.print(fmt.Sprintf("%d of %d tokens of %s, an export of %s, would be imported%s.%s\n", n.Imported, n.Rows, r.File, n.Dialect, r.recipients, left))
	}
	before := ""
	if n.Before > 0 {
		before = fmt.Sprintf(", %d of them by earlier runs", n.Before)
	}
	keys := "They keep their keys, which work where FOREIGN_KEYS is true."
	if n.Rotated > 0 {
		keys += fmt.Sprintf(" Rotated since, so that the old key does not work: %d.", n.Rotated)
	}
	if n.KeysFile != "" {
		keys = fmt.Sprintf("The new keys are in %s, which only you can read.", n.KeysFile)
	}
	tokens := "tokens"
	if n.Imported == 1 {
		tokens = "token"
	}
	return r.out.print(fmt.Sprintf("%d %s imported%s%s.%s\n%s\n", n.Imported, tokens, r.recipients, before, left, keys))
}
