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

// A line of the journal. Begin is the first; batch comes before a batch is
// sent, and done after its keys are written, or void if it was not made.
type line struct {
	Kind string `json:"kind"`

	Source string `json:"source,omitempty"`
	URL    string `json:"url,omitempty"`
	UserID int64  `json:"user_id,omitempty"`

	Key    string            `json:"idempotency_key,omitempty"`
	Sent   int64             `json:"sent,omitempty"` // Unix seconds
	At     int64             `json:"at,omitempty"`   // where in the keys file its keys begin; of done, where they end
	Sum    string            `json:"sum,omitempty"`  // of done: the SHA-256 of the keys file up to At
	Rows   []int             `json:"rows,omitempty"`
	Tokens []wire.TokenInput `json:"tokens,omitempty"`
}

const (
	kindBegin = "begin"
	kindBatch = "batch"
	kindDone  = "done"
	kindVoid  = "void"
)

// A book is the two files: the journal, locked for this process, and the keys.
type book struct {
	disk     *disk
	keysFile string
	journal  *os.File
	end      int64 // of the journal
	keys     *os.File
	keysEnd  int64     // of what is sure of the keys
	keysSum  hash.Hash // of the keys file up to keysEnd
	sum      string    // what it was when a batch was done last; "" before
	done     map[int]bool
	doubt    *line // the batch that was begun last, and neither done nor void
}

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
	begun, err := b.replay(content, begin)
	if err != nil {
		return err
	}
	if !begun {
		if err := b.beginNew(begin, len(content) == 0); err != nil {
			return err
		}
	}
	return b.openKeys()
}

// lock takes the journal for this process. One that has ended meanwhile may
// have removed the file that was opened.
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

// beginNew begins the journal, unless the keys are of an import that is over:
// then an empty journal is this process's own, and goes.
func (b *book) beginNew(begin line, empty bool) error {
	if _, err := os.Lstat(b.keysFile); !errors.Is(err, os.ErrNotExist) {
		if empty {
			err = errors.Join(err, b.disk.remove(Path(b.keysFile)))
		}
		return errors.Join(ErrExists, err)
	}
	return b.write(begin)
}

// replay reads the journal as far as it is whole: what was torn was never
// acted upon.
func (b *book) replay(content []byte, begin line) (begun bool, err error) {
	for {
		text, rest, whole := bytes.Cut(content, []byte("\n"))
		var l line
		if torn := json.Unmarshal(text, &l); !whole || torn != nil {
			return begun, nil //nolint:nilerr // as above
		}
		if l.Kind == kindBegin {
			if l.Source != begin.Source || l.URL != begin.URL || l.UserID != begin.UserID {
				return false, ErrChanged
			}
			begun = true
		} else if !begun || !b.follow(l) {
			return false, ErrEdited
		}
		b.end += int64(len(text)) + 1
		content = rest
	}
}

// follow takes the next line of a journal, and reports whether it can be that.
func (b *book) follow(l line) bool {
	switch {
	case l.Kind == kindBatch && b.doubt == nil && len(l.Rows) > 0:
		b.doubt = &l
		b.keysEnd = l.At
	case b.doubt == nil || l.Key != b.doubt.Key:
		return false
	case l.Kind == kindDone:
		b.count()
		b.keysEnd, b.sum = l.At, l.Sum
	case l.Kind == kindVoid:
		b.doubt = nil
	default:
		return false
	}
	return true
}

func (b *book) count() {
	for _, row := range b.doubt.Rows {
		b.done[row] = true
	}
	b.doubt = nil
}

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

// begin puts a batch in doubt.
func (b *book) begin(batch line) error {
	batch.At = b.keysEnd
	b.doubt = &batch
	return b.write(batch)
}

// conclude says that the batch in doubt is done.
func (b *book) conclude() error {
	info, err := b.keys.Stat()
	if err != nil {
		return err
	}
	if _, err := io.Copy(b.keysSum, io.NewSectionReader(b.keys, b.keysEnd, info.Size()-b.keysEnd)); err != nil {
		return err
	}
	if err := b.write(line{Kind: kindDone, Key: b.doubt.Key, At: info.Size(), Sum: b.sumNow()}); err != nil {
		return err
	}
	b.keysEnd = info.Size()
	b.count()
	return nil
}

// drop says that the batch in doubt was not made.
func (b *book) drop() error {
	err := b.write(line{Kind: kindVoid, Key: b.doubt.Key})
	b.doubt = nil
	return err
}

// finish removes the journal: the import is done. What a dropped batch has
// left in the keys file goes, too.
func (b *book) finish() error {
	if err := b.disk.append(b.keys, b.keysEnd, nil); err != nil {
		return err
	}
	if err := b.disk.remove(Path(b.keysFile)); err != nil {
		return err
	}
	return b.disk.syncFolder(b.keysFile)
}

func (b *book) close() error {
	var err error
	for _, f := range []*os.File{b.journal, b.keys} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
