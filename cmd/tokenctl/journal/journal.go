// Package journal runs an import so that no new key is lost and no token is
// created twice, even if the process is killed at any point and started again.
//
// It writes to the disk: before a batch is sent, its idempotency key and its
// tokens; after the API has answered, the new keys; then that the batch is done.
// A batch with only the first of these is pending: its result is unknown. The
// next run sends it again with the same idempotency key. The API then creates the
// tokens at most once and returns the same answer.
package journal

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// An Import describes what to import, and where to. All fields without a remark
// are required.
type Import struct {
	KeysFile string // receives the new keys; the journal is beside it until the import is complete
	Source   string // identifies the content of the export and the way it is read
	URL      string // of the API
	UserID   int64
	Rows     []export.Row
	Batch    int  // tokens per request, up to token.MaxBatch
	Resend   bool // send a batch that has been pending for too long as a new one; optional

	// Create creates the tokens of a batch. A second call with the same
	// idempotency key returns the same tokens.
	Create func(ctx context.Context, idempotencyKey string, in []wire.TokenInput) ([]wire.Token, error)
	// Refused reports whether an error of Create proves that no call with this
	// idempotency key created a token.
	Refused  func(error) bool
	Now      func() time.Time
	Progress func(rows int) // called with the number of rows that were just done; optional

	disk  disk
	index map[int]int // position in Rows, by row number
}

// A Summary counts rows.
type Summary struct {
	Before  int          // imported by earlier runs
	Now     int          // imported by this run
	Expired []export.Row // not imported, because they expired during the import
}

// Reasons for which Run does not start. Errors of Run may wrap them.
var (
	ErrExists  = errors.New("a keys file of another import exists")
	ErrRunning = errors.New("another process is running the import")
	ErrChanged = errors.New("the import differs from the one that was started")
	ErrGone    = errors.New("the keys file is missing")
	ErrEdited  = errors.New("the keys file or the journal was changed after the previous run")
)

// A StaleError reports a pending batch so old that the API no longer has the
// answer. Rows are its rows, and Sent is when it was sent.
type StaleError struct {
	Rows []export.Row
	Sent time.Time
}

func (e *StaleError) Error() string { return "a batch has been pending for too long" }

// A BatchError is an error of Create. Rows are those of the batch, in its order.
type BatchError struct {
	Rows []export.Row
	Err  error
}

func (e *BatchError) Error() string { return e.Err.Error() }

func (e *BatchError) Unwrap() error { return e.Err }

// savedFor is how long the API saves a response, less 10 minutes in case the
// clocks differ.
const savedFor = token.SavedResponseSeconds*time.Second - 10*time.Minute

// maxBytes limits the tokens of a batch, in bytes of JSON. The API accepts bodies
// of up to 128 KiB.
const maxBytes = 100 << 10

// Path returns the path of the journal of a keys file.
func Path(keysFile string) string { return keysFile + ".journal" }

// Run imports the rows that are not imported yet. It returns an error of this
// package, of which a *BatchError wraps one of Create, or an error of the file system. The summary is
// valid even then, and another Run continues from there.
func (im *Import) Run(ctx context.Context) (sum Summary, err error) {
	b, err := im.open()
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	sum.Before = len(b.done)
	im.progress(sum.Before)
	if b.pending != nil {
		if err := im.resolve(ctx, b); err != nil {
			return sum, err
		}
		sum.Now = len(b.done) - sum.Before
	}
	waiting := im.waiting(b)
	for len(waiting) > 0 {
		var batch []export.Row
		var expired []export.Row
		batch, expired, waiting = im.next(waiting)
		sum.Expired = append(sum.Expired, expired...)
		if len(batch) == 0 {
			continue
		}
		if err := b.begin(im.record(batch)); err != nil {
			return sum, err
		}
		if err := im.send(ctx, b); err != nil {
			return sum, err
		}
		sum.Now = len(b.done) - sum.Before
	}
	return sum, b.finish()
}

// progress calls Progress.
func (im *Import) progress(rows int) {
	if im.Progress != nil && rows > 0 {
		im.Progress(rows)
	}
}

// waiting returns the rows that still have to be imported.
func (im *Import) waiting(b *book) []export.Row {
	return slices.DeleteFunc(slices.Clone(im.Rows), func(r export.Row) bool {
		return r.Problem != "" || r.Skip != "" || b.done[r.Number]
	})
}

// next returns the next batch of rows, the rows before its end that have expired,
// and the rest. An expired row would make the API refuse the whole batch.
func (im *Import) next(rows []export.Row) (batch, expired, rest []export.Row) {
	size := 0
	for i, r := range rows {
		if expires := r.Token.ExpiredTime; expires != nil && *expires > 0 && *expires <= im.Now().Unix()+export.Soon {
			expired = append(expired, r)
			continue
		}
		content, _ := json.Marshal(r.Token) // strings and numbers
		if size += len(content) + 1; len(batch) == im.Batch || len(batch) > 0 && size > maxBytes {
			return batch, expired, rows[i:]
		}
		batch = append(batch, r)
	}
	return batch, expired, nil
}

// record returns the journal line that announces a batch.
func (im *Import) record(batch []export.Row) line {
	l := line{Kind: kindBatch, Key: crand.Text(), Sent: im.Now().Unix()}
	for _, r := range batch {
		l.Rows = append(l.Rows, r.Number)
		l.Tokens = append(l.Tokens, r.Token)
	}
	return l
}

// resolve handles the pending batch of a run that was interrupted.
func (im *Import) resolve(ctx context.Context, b *book) error {
	if b.hasKeys() {
		im.progress(len(b.pending.Rows))
		return b.markDone()
	}
	sent := time.Unix(b.pending.Sent, 0)
	if im.Now().Sub(sent) < savedFor {
		return im.send(ctx, b)
	}
	if im.Resend {
		return b.markVoid()
	}
	return &StaleError{im.rows(b.pending.Rows), sent}
}

// rows returns the rows with the given numbers, in the same order.
func (im *Import) rows(numbers []int) []export.Row {
	var rows []export.Row
	for _, n := range numbers {
		if i, ok := im.index[n]; ok {
			rows = append(rows, im.Rows[i])
		}
	}
	return rows
}

// send creates the tokens of the pending batch and writes their keys.
func (im *Import) send(ctx context.Context, b *book) error {
	batch := b.pending
	made, err := im.Create(ctx, batch.Key, batch.Tokens)
	if err != nil {
		if im.Refused(err) {
			err = errors.Join(err, b.markVoid())
		}
		return &BatchError{im.rows(batch.Rows), err}
	}
	rows := im.rows(batch.Rows)
	if len(made) != len(rows) {
		return fmt.Errorf("the API returned %d tokens for a batch of %d", len(made), len(rows))
	}
	if err := b.writeKeys(rows, made); err != nil {
		return err
	}
	im.progress(len(rows))
	return b.markDone()
}

// open creates the files, or reads those of an earlier run.
func (im *Import) open() (*book, error) {
	_, err := os.Lstat(Path(im.KeysFile))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Lstat(im.KeysFile); !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(ErrExists, err)
		}
	} else if err != nil {
		return nil, err
	}
	im.index = make(map[int]int, len(im.Rows))
	for i, r := range im.Rows {
		im.index[r.Number] = i
	}
	return im.openBook()
}

// openBook does the part of open that is safe against other processes: it locks
// the journal first.
func (im *Import) openBook() (*book, error) {
	b := im.book()
	err := b.open(line{Kind: kindBegin, Source: im.Source, URL: im.URL, UserID: im.UserID})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// book returns a book whose files are not open.
func (im *Import) book() *book {
	return &book{disk: &im.disk, keysFile: im.KeysFile, done: map[int]bool{}}
}
