package journal

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A line of the journal. Begin is the first; batch comes before a batch is
// sent, and done after its keys are written, or void if it was not made.
type line struct {
	Kind string `json:"kind"`

	Source string `json:"source,omitempty"`
	URL    string `json:"url,omitempty"`
	UserID int64  `json:"user_id,omitempty"`

	Key    string           `json:"idempotency_key,omitempty"`
	Sent   int64            `json:"sent,omitempty"` // Unix seconds
	At     int64            `json:"at,omitempty"`   // where in the keys file its keys begin
	Rows   []int            `json:"rows,omitempty"`
	Tokens []api.TokenInput `json:"tokens,omitempty"`
}

const (
	kindBegin = "begin"
	kindBatch = "batch"
	kindDone  = "done"
	kindVoid  = "void"
)

// keysHeader is the header of the keys file.
const keysHeader = "old_id,old_name,new_id,new_name,new_key\n"

// A book is the two files: the journal, locked for this process, and the keys.
type book struct {
	disk     *disk
	keysFile string
	journal  *os.File
	end      int64 // of the journal
	keys     *os.File
	keysEnd  int64 // of what is sure of the keys
	done     map[int]bool
	doubt    *line // the batch that was begun last, and neither done nor void
}

func (b *book) open(begin line) error {
	var err error
	if b.journal, err = b.disk.open(Path(b.keysFile), os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if err := syscall.Flock(int(b.journal.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(ErrRunning, err)
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
		if err := b.write(begin); err != nil {
			return err
		}
	}
	return b.openKeys(begun)
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
		switch l.Kind {
		case kindBegin:
			if l.Source != begin.Source || l.URL != begin.URL || l.UserID != begin.UserID {
				return false, ErrChanged
			}
			begun = true
		case kindBatch:
			b.doubt = &l
			b.keysEnd = l.At
		case kindDone:
			b.count()
			b.keysEnd = l.At
		case kindVoid:
			b.doubt = nil
		}
		b.end += int64(len(text)) + 1
		content = rest
	}
}

func (b *book) count() {
	for _, row := range b.doubt.Rows {
		b.done[row] = true
	}
	b.doubt = nil
}

// openKeys makes the keys file, if nothing can have been in it.
func (b *book) openKeys(begun bool) error {
	var err error
	b.keys, err = b.disk.open(b.keysFile, os.O_RDWR)
	fresh := errors.Is(err, os.ErrNotExist)
	switch {
	case fresh && len(b.done) > 0:
		return ErrGone
	case fresh:
		b.keys, err = b.disk.open(b.keysFile, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	case err == nil && !begun:
		return ErrExists
	}
	if err != nil {
		return err
	}
	if !fresh {
		content, err := io.ReadAll(io.LimitReader(b.keys, int64(len(keysHeader))))
		switch {
		case err != nil:
			return err
		case string(content) == keysHeader:
			b.keysEnd = max(b.keysEnd, int64(len(keysHeader)))
			return nil
		case b.keysEnd > 0 || !strings.HasPrefix(keysHeader, string(content)):
			return ErrExists
		}
	}
	if err := b.disk.append(b.keys, 0, []byte(keysHeader)); err != nil {
		return err
	}
	b.keysEnd = int64(len(keysHeader))
	return b.disk.syncFolder(b.keysFile)
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
	if err := b.write(line{Kind: kindDone, Key: b.doubt.Key, At: info.Size()}); err != nil {
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

// haveKeys reports whether all keys of the batch in doubt were written.
func (b *book) haveKeys() bool {
	content, err := io.ReadAll(io.NewSectionReader(b.keys, b.doubt.At, 1<<30))
	if err != nil || !bytes.HasSuffix(content, []byte("\n")) {
		return false
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || len(rows) != len(b.doubt.Rows) {
		return false
	}
	for _, row := range rows {
		if _, err := token.ParseKey(row[len(row)-1]); err != nil {
			return false
		}
	}
	return true
}

// writeKeys puts the keys of a batch where it begins, over what an attempt
// before may have left there.
func (b *book) writeKeys(rows []export.Row, made []api.Token) error {
	var content bytes.Buffer
	w := csv.NewWriter(&content)
	for i, t := range made {
		_ = w.Write([]string{rows[i].OldID, rows[i].OldName, strconv.FormatInt(t.ID, 10), t.Name, t.Key}) // a Buffer never fails
	}
	w.Flush()
	return b.disk.append(b.keys, b.doubt.At, content.Bytes())
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
