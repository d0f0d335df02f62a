package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"os"
	"syscall"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A line is one line of the journal. The first is a begin. A batch is written
// before the batch is sent; then done after its keys are written, or void if its
// tokens were not created.
type line struct {
	Kind string `json:"kind"`

	Source string `json:"source,omitempty"`
	URL    string `json:"url,omitempty"`
	UserID int64  `json:"user_id,omitempty"`

	Key    string            `json:"idempotency_key,omitempty"`
	Sent   int64             `json:"sent,omitempty"` // Unix seconds
	At     int64             `json:"at,omitempty"`   // offset in the keys file: in a batch, where its keys start; in a done, where they end
	Sum    string            `json:"sum,omitempty"`  // in a done: SHA-256 of the keys file up to At, in hexadecimal
	Rows   []int             `json:"rows,omitempty"`
	Tokens []wire.TokenInput `json:"tokens,omitempty"`
}

const (
	kindBegin = "begin"
	kindBatch = "batch"
	kindDone  = "done"
	kindVoid  = "void"
)

// A book holds the two files of an import: the journal, which this process has
// locked, and the keys file.
type book struct {
	disk     *disk
	keysFile string
	journal  *os.File
	end      int64 // of the valid part of the journal
	keys     *os.File
	keysEnd  int64        // end of the confirmed part of the keys file
	keysSum  hash.Hash    // of the keys file up to keysEnd
	sum      string       // of the keys file at the last done line, or empty
	done     map[int]bool // row numbers that are imported
	pending  *line        // the last batch, if it is neither done nor void
}

// open opens both files and reads the state of the import. begin is the line with
// which a new journal starts.
func (b *book) open(begin line) error {
	var err error
	if b.journal, err = b.disk.open(Path(b.keysFile), os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if err := b.lock(); err != nil {
		return err
	}
	content, err := io.ReadAll(b.journal)
	if err != nil {
		return err
	}
	begun, changed, err := b.replay(content, begin)
	switch {
	case err != nil:
		return err
	case changed && (len(b.done) > 0 || b.pending != nil):
		return ErrChanged
	case changed: // the other import has created nothing, so this one replaces it
		b.end, b.keysEnd = 0, 0
		err = b.write(begin)
	case !begun:
		err = b.start(begin, len(content) == 0)
	}
	if err != nil {
		return err
	}
	return b.openKeys()
}

// lock locks the journal for this process. It also checks that the path still
// names the open file: a process that finished meanwhile may have removed it.
func (b *book) lock() error {
	if err := syscall.Flock(int(b.journal.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(ErrRunning, err)
	}
	locked, err := b.journal.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(Path(b.keysFile))
	if err != nil || !os.SameFile(locked, named) {
		return errors.Join(ErrRunning, err)
	}
	return nil
}

// start writes the first line of a new journal. If a keys file exists, it belongs
// to a finished import, and start returns ErrExists. It then removes the journal
// if that is empty, because this process created it. A keys file without a key
// beside a journal that is not empty belongs to a process that was killed when it
// wrote that line.
func (b *book) start(begin line, empty bool) error {
	if _, err := os.Lstat(b.keysFile); !errors.Is(err, os.ErrNotExist) && (empty || !b.hasHeaderOnly()) {
		if empty {
			err = errors.Join(err, b.disk.remove(Path(b.keysFile)))
		}
		return errors.Join(ErrExists, err)
	}
	return b.write(begin)
}

// hasHeaderOnly reports whether the keys file has no key.
func (b *book) hasHeaderOnly() bool {
	content, err := os.ReadFile(b.keysFile)
	return err == nil && string(content) == keysHeader
}

// replay reads the complete lines of a journal and reports whether it starts with
// a begin line, and whether that is of another import. It ignores an incomplete last line: the process that wrote it was
// killed before it acted on it.
func (b *book) replay(content []byte, begin line) (begun, changed bool, err error) {
	for {
		text, rest, whole := bytes.Cut(content, []byte("\n"))
		var l line
		if torn := json.Unmarshal(text, &l); !whole || torn != nil {
			return begun, changed, nil //nolint:nilerr // the line is incomplete
		}
		if l.Kind == kindBegin {
			changed = l.Source != begin.Source || l.URL != begin.URL || l.UserID != begin.UserID
			begun = true
		} else if !begun || !b.apply(l) {
			return false, changed, ErrEdited
		}
		b.end += int64(len(text)) + 1
		content = rest
	}
}

// apply updates the state with the next line of a journal. It reports whether
// that line may follow the lines before it.
func (b *book) apply(l line) bool {
	switch {
	case l.Kind == kindBatch && b.pending == nil && len(l.Rows) > 0:
		b.pending = &l
		b.keysEnd = l.At
	case b.pending == nil || l.Key != b.pending.Key:
		return false
	case l.Kind == kindDone:
		b.countPending()
		b.keysEnd, b.sum = l.At, l.Sum
	case l.Kind == kindVoid:
		b.pending = nil
	default:
		return false
	}
	return true
}

// countPending marks the rows of the pending batch as done.
func (b *book) countPending() {
	for _, row := range b.pending.Rows {
		b.done[row] = true
	}
	b.pending = nil
}

// write appends a line to the journal.
func (b *book) write(l line) error {
	content, err := json.Marshal(l)
	if err != nil {
		return err
	}
	content = append(content, '\n')
	if err := b.disk.append(b.journal, b.end, content); err != nil {
		return err
	}
	b.end += int64(len(content))
	return nil
}

// begin makes a batch the pending one.
func (b *book) begin(batch line) error {
	batch.At = b.keysEnd
	b.pending = &batch
	return b.write(batch)
}

// markDone records that the pending batch is done.
func (b *book) markDone() error {
	info, err := b.keys.Stat()
	if err != nil {
		return err
	}
	if _, err := io.Copy(b.keysSum, io.NewSectionReader(b.keys, b.keysEnd, info.Size()-b.keysEnd)); err != nil {
		return err
	}
	if err := b.write(line{Kind: kindDone, Key: b.pending.Key, At: info.Size(), Sum: b.sumNow()}); err != nil {
		return err
	}
	b.keysEnd = info.Size()
	b.countPending()
	return nil
}

// markVoid records that the tokens of the pending batch were not created.
func (b *book) markVoid() error {
	err := b.write(line{Kind: kindVoid, Key: b.pending.Key})
	b.pending = nil
	return err
}

// finish removes the journal of a complete import. It also cuts off what a void
// batch may have left at the end of the keys file.
func (b *book) finish() error {
	if err := b.disk.append(b.keys, b.keysEnd, nil); err != nil {
		return err
	}
	if err := b.disk.remove(Path(b.keysFile)); err != nil {
		return err
	}
	return b.disk.syncFolder(b.keysFile)
}

// close closes the files and so releases the lock.
func (b *book) close() error {
	var err error
	for _, f := range []*os.File{b.journal, b.keys} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
