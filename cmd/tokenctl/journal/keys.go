package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// keysHeader is the first line of the keys file.
const keysHeader = "old_id,old_name,new_id,new_name,new_key\n"

// openKeys opens the keys file and checks it. It creates the file if no batch is
// done yet.
func (b *book) openKeys() error {
	var err error
	b.keys, err = b.disk.open(b.keysFile, os.O_RDWR)
	fresh := errors.Is(err, os.ErrNotExist)
	switch {
	case fresh && len(b.done) > 0:
		return ErrGone
	case fresh:
		b.keys, err = b.disk.open(b.keysFile, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	if err != nil {
		return err
	}
	b.keysSum = sha256.New()
	if !fresh {
		if whole, err := b.checkKeys(); whole || err != nil {
			return err
		}
	}
	b.keysSum.Write([]byte(keysHeader))
	if err := b.disk.append(b.keys, 0, []byte(keysHeader)); err != nil {
		return err
	}
	b.keysEnd = int64(len(keysHeader))
	return b.disk.syncFolder(b.keysFile)
}

// checkKeys compares the keys file with the journal. whole is false if the file
// is empty or holds only the beginning of the header.
func (b *book) checkKeys() (whole bool, err error) {
	header, err := io.ReadAll(io.NewSectionReader(b.keys, 0, int64(len(keysHeader))))
	if err != nil {
		return false, err
	}
	if string(header) != keysHeader {
		if b.keysEnd > 0 || !strings.HasPrefix(keysHeader, string(header)) {
			return false, ErrEdited
		}
		return false, nil
	}
	b.keysEnd = max(b.keysEnd, int64(len(keysHeader)))
	n, err := io.Copy(b.keysSum, io.NewSectionReader(b.keys, 0, b.keysEnd))
	if err == nil && (n < b.keysEnd || b.sum != "" && b.sum != b.sumNow()) {
		err = ErrEdited
	}
	return true, err
}

// sumNow returns the checksum of the keys file up to keysEnd.
func (b *book) sumNow() string { return hex.EncodeToString(b.keysSum.Sum(nil)) }

// hasKeys reports whether all keys of the pending batch were written.
func (b *book) hasKeys() bool {
	content, err := io.ReadAll(io.NewSectionReader(b.keys, b.pending.At, 1<<30))
	if err != nil || !bytes.HasSuffix(content, []byte("\n")) {
		return false
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || len(rows) != len(b.pending.Rows) {
		return false
	}
	for _, row := range rows {
		if _, err := credential.ParseKey(row[len(row)-1]); err != nil {
			return false
		}
	}
	return true
}

// writeKeys writes the keys of the pending batch. It overwrites what an
// interrupted attempt may have left.
func (b *book) writeKeys(rows []export.Row, made []wire.Token) error {
	var content bytes.Buffer
	w := csv.NewWriter(&content)
	for i, t := range made {
		_ = w.Write([]string{cell(rows[i].OldID), cell(rows[i].OldName), strconv.FormatInt(t.ID, 10), cell(t.Name), t.Key}) // a Buffer never fails
	}
	w.Flush()
	return b.disk.append(b.keys, b.pending.At, content.Bytes())
}

// cell puts a ' in front of a text that a spreadsheet would read as a formula.
func cell(s string) string {
	if export.IsFormula(s) {
		return "'" + s
	}
	return s
}
