// Package source reads the tokens of other systems where they are, and returns them
// as JSON for the package export. Its errors contain no value that it has read.
package source

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/ioutil"
	"github.com/ncruces/go-sqlite3/vfs/readervfs"
)

// MaxBytes is the largest content that is read.
const MaxBytes = 64 << 20

// magic begins every SQLite file.
const magic = "SQLite format 3\x00"

// MagicBytes is how much of a file IsSQLite needs.
const MagicBytes = len(magic)

// IsSQLite reports whether a file with this beginning is an SQLite database.
func IsSQLite(beginning []byte) bool { return bytes.HasPrefix(beginning, []byte(magic)) }

// SQLite returns the tokens in the database of New API or One API: the rows of its
// table tokens as a JSON list, each with what the table users says about its user.
// It changes nothing, not even a lock. An error is one sentence without a full stop,
// with "it" for the file.
func SQLite(ctx context.Context, name string) ([]byte, error) {
	file, err := filepath.EvalSymlinks(name) // SQLite writes its log and its journal beside the file itself
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := isComplete(file, before); err != nil {
		return nil, err
	}
	if !hasWholePages(f, before.Size()) {
		return nil, explain(ctx, errDamaged)
	}
	content, err := readTokens(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := isUnchanged(name, file, before); err != nil {
		return nil, err
	}
	if err := isComplete(file, before); err != nil {
		return nil, err
	}
	return content, nil
}

// isUnchanged returns an error if a name stands for another file than before, or the
// file was written to.
func isUnchanged(name, file string, before os.FileInfo) error {
	now, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	after, err := os.Stat(file)
	if err != nil {
		return err
	}
	if now != file || !os.SameFile(before, after) || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return errors.New("it was changed while it was read: stop the other system, then try again")
	}
	return nil
}

// hasWholePages reports whether a database does not end within a page. SQLite itself
// only looks for whole pages that are missing.
func hasWholePages(f io.ReaderAt, size int64) bool {
	const at, largest = 16, 65_536 // https://sqlite.org/fileformat2.html#page_size
	var field [2]byte
	if _, err := f.ReadAt(field[:], at); err != nil {
		return false
	}
	page := int64(binary.BigEndian.Uint16(field[:]))
	if page == 1 {
		page = largest
	}
	return page > 0 && size%page == 0
}

// isComplete returns an error if some of a database is in another file: in the log of
// writes that are not yet in it, or in the journal of a write that has not ended.
// Both are beside the name that the other system uses.
func isComplete(file string, info os.FileInfo) error {
	if names := namesOf(info); names > 1 {
		return fmt.Errorf("it has %d names (hard links), and newer changes may be beside another one: stop the other system, then give a copy that you made with cp", names)
	}
	log, err := os.Stat(file + "-wal")
	switch {
	case err == nil && log.Size() > 0:
		return fmt.Errorf("newer changes are in %s-wal: stop the other system, then run `sqlite3 %[1]s \"pragma wal_checkpoint(truncate)\"`", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	journal, err := os.Open(file + "-journal") //nolint:gosec // beside a file that the user names
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer journal.Close() //nolint:errcheck // it was only read
	const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
	head := make([]byte, len(journalMagic))
	if _, err := io.ReadFull(journal, head); err == nil && string(head) == journalMagic {
		return fmt.Errorf("another program is writing to it, or was interrupted while it wrote: stop the other system, then run `sqlite3 %s \"pragma quick_check\"`, which completes it", file)
	}
	return nil
}

// readTokens returns the tokens of a database.
func readTokens(ctx context.Context, r io.ReaderAt) ([]byte, error) {
	name := rand.Text()
	readervfs.Create(name, ioutil.NewSizeReaderAt(r))
	defer readervfs.Delete(name)
	c, err := sqlite3.OpenFlags("file:"+name+"?vfs=reader", sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, explain(ctx, err)
	}
	defer c.Close() //nolint:errcheck // it was only read
	c.SetInterrupt(ctx)
	db := database{c}
	for _, table := range []string{"tokens", "users"} {
		if err := db.check(table); err != nil {
			return nil, explain(ctx, err)
		}
	}
	users, err := db.users()
	if err != nil {
		return nil, explain(ctx, err)
	}
	content, err := db.tokens(users)
	return content, explain(ctx, err)
}

// explain turns an error of SQLite into one that says what to do.
func explain(ctx context.Context, err error) error {
	var refused *sqlite3.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.CORRUPT), errors.Is(err, errDamaged):
		return errors.New("it is damaged, encrypted or cut off: stop the other system and copy the whole file again")
	case errors.As(err, &refused):
		return fmt.Errorf("SQLite can't read it (%w): stop the other system and copy the file again", refused.Code())
	default:
		return err
	}
}
