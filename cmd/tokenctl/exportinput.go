package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/source"
)

// An input is the content of an export.
type input struct {
	content []byte
	byID    bool // it is from a database or an API, where tokens have IDs and no lines
}

// readInput reads a file that the command names: an export, or the database of New
// API or One API.
func readInput(ctx context.Context, name string) (in input, err error) {
	if in.byID = isDatabase(name); in.byID {
		in.content, err = source.SQLite(ctx, name)
	} else if in.content, err = readFile(name); err == nil && source.IsSQLite(in.content) {
		err = errors.New("it is an SQLite database in a pipe: give the name of its file")
	}
	var known *problem
	switch {
	case errors.As(err, &known):
		return in, err
	case errors.Is(err, context.Canceled):
		return in, problemf("interrupted: nothing was imported")
	case err != nil:
		return in, problemf("%s can't be imported: %s", name, sentence(err))
	}
	return in, nil
}

// isDatabase reports whether a file is an SQLite database. It reads nothing from a
// pipe, which can be read only once.
func isDatabase(name string) bool {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // it was only read
	head := make([]byte, source.MagicBytes)
	_, err = io.ReadFull(file, head)
	return err == nil && source.IsSQLite(head)
}

// readFile reads a file that the command names.
func readFile(name string) (content []byte, err error) {
	const most = source.MaxBytes // enough for about 100,000 tokens
	file, err := os.Open(name)   //nolint:gosec // the user names it
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(file, most+1)) // the file may be a pipe or an endless device
		err = errors.Join(err, file.Close())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isShowable(name):
		return nil, noFile(name)
	case err != nil:
		return nil, problemf("%s can't be read (%s): check its path", name, reason(err))
	case len(content) > most:
		return nil, problemf("%s is larger than %d MiB: split it into smaller files", name, most>>20)
	}
	return content, nil
}
