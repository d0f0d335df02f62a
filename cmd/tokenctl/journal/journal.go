// Package journal carries an import out so that nothing acknowledged is lost
// or done twice, wherever the process dies and however often it starts again.
//
// Before a batch is sent, its idempotency key and its tokens are on the disk;
// after its answer, the new keys are, and then that it is done. A batch of
// which only the first is there is in doubt, and is sent again under the same
// idempotency key: the API makes it once and answers the same.
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

// An Import is what to import, and where to.
type Import struct {
	KeysFile string // made for it; the journal stands beside it until the end
	Source   string // names the file's content and how it was read
	URL      string // of the API
	UserID   int64
	Rows     []export.Row
	Batch    int  // how many at a time, up to token.MaxBatch
	Resend   bool // a batch that is in doubt for too long is sent as a new one

	// Create makes a batch, and the same again under the same idempotency key.
	Create func(ctx context.Context, idempotencyKey string, in []wire.TokenInput) ([]wire.Token, error)
	// Undone reports whether an error of Create says that the batch was made
	// neither now nor before.
	Undone   func(error) bool
	Now      func() time.Time
	Progress func(rows int) // of rows that are done; may be nil

	disk  disk
	index map[int]int // of Rows, by number
}

// A Summary counts rows.
type Summary struct {
	Before  int          // that an earlier run has imported
	Now     int          // that this one has
	Expired []export.Row // that expired while they waited
}

// The reasons not to go on. They are wrapped with more.
var (
	ErrExists  = errors.New("there is a keys file of another import")
	ErrRunning = errors.New("another process is at it")
	ErrChanged = errors.New("the import is not the one that was begun")
	ErrGone    = errors.New("the keys file is gone")
	ErrEdited  = errors.New("the keys file or the journal is not as the run before has left it")
)

// A StaleError is a batch in doubt for which the API keeps no answer any
// more.
type StaleError struct {
	Rows []export.Row
	Sent time.Time
}

func (e *StaleError) Error() string { return "a batch is in doubt for too long" }

// keptFor is for how long the API surely keeps an answer.
const keptFor = token.SavedResponseSeconds*time.Second - 10*time.Minute

// maxBytes is below what a body may have, 128 KiB.
const maxBytes = 100 << 10

// Path is where the journal of a keys file is.
func Path(keysFile string) string { return keysFile + ".journal" }

// Run imports what is not imported yet. Its error is one of this package's, an
// error of Create, or the system's about a file. Also then the summary counts
// what is done, and Run goes on from there.
func (im *Import) Run(ctx context.Context) (sum Summary, err error) {
	b, err := im.open()
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	sum.Before = len(b.done)
	im.tell(sum.Before)
	if b.doubt != nil {
		if err := im.settle(ctx, b); err != nil {
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

func (im *Import) tell(rows int) {
	if im.Progress != nil && rows > 0 {
		im.Progress(rows)
	}
}

// waiting are the rows that are to be imported and are not.
func (im *Import) waiting(b *book) []export.Row {
	return slices.DeleteFunc(slices.Clone(im.Rows), func(r export.Row) bool {
		return r.Problem != "" || r.Skip != "" || b.done[r.Number]
	})
}

// next takes a batch off the rows. Those that expired while they waited would
// make the API refuse all of it.
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

func (im *Import) record(batch []export.Row) line {
	l := line{Kind: kindBatch, Key: crand.Text(), Sent: im.Now().Unix()}
	for _, r := range batch {
		l.Rows = append(l.Rows, r.Number)
		l.Tokens = append(l.Tokens, r.Token)
	}
	return l
}

// settle ends the doubt about the last batch of a run that died.
func (im *Import) settle(ctx context.Context, b *book) error {
	if b.haveKeys() {
		im.tell(len(b.doubt.Rows))
		return b.conclude()
	}
	sent := time.Unix(b.doubt.Sent, 0)
	if im.Now().Sub(sent) < keptFor {
		return im.send(ctx, b)
	}
	if im.Resend {
		return b.drop()
	}
	return &StaleError{im.rows(b.doubt.Rows), sent}
}

// rows are those with these numbers, in their order.
func (im *Import) rows(numbers []int) []export.Row {
	var rows []export.Row
	for _, n := range numbers {
		if i, ok := im.index[n]; ok {
			rows = append(rows, im.Rows[i])
		}
	}
	return rows
}

// send makes the batch that is in doubt, and writes down its keys.
func (im *Import) send(ctx context.Context, b *book) error {
	batch := b.doubt
	made, err := im.Create(ctx, batch.Key, batch.Tokens)
	if err != nil {
		if im.Undone(err) {
			err = errors.Join(err, b.drop())
		}
		return err
	}
	rows := im.rows(batch.Rows)
	if len(made) != len(rows) {
		return fmt.Errorf("the API answered %d tokens for %d", len(made), len(rows))
	}
	if err := b.writeKeys(rows, made); err != nil {
		return err
	}
	im.tell(len(rows))
	return b.conclude()
}

// open makes the files, or goes on where they end.
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

// openBook is open after a look that others may have come behind.
func (im *Import) openBook() (*book, error) {
	b := im.book()
	err := b.open(line{Kind: kindBegin, Source: im.Source, URL: im.URL, UserID: im.UserID})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (im *Import) book() *book {
	return &book{disk: &im.disk, keysFile: im.KeysFile, done: map[int]bool{}}
}
