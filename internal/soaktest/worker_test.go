package soaktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A stat is what became of the requests of one operation.
type stat struct {
	took    []time.Duration
	errors  []string
	busy    int // answers with 503; the request was repeated
	refused int // answers with a refusal that the ledger expects
}

// A worker makes requests of one user, one at a time.
type worker struct {
	*account
	soak   *soak
	number int
	random *rand.Rand
	shared []*entry // tokens that both workers of the user use
	own    []*entry // tokens that this worker has created
	calls  int      // so far, to make ids of requests
}

func newWorker(s *soak, a *account, number int) *worker {
	return &worker{account: a, soak: s, number: number, random: rand.New(rand.NewPCG(1, uint64(number)))} //nolint:gosec // not a secret, and a small number
}

// run makes operations until the context ends, one in each pause.
func (w *worker) run(ctx context.Context, pause time.Duration) {
	all, total := operations(), 0
	for _, o := range all {
		total += o.weight
	}
	due := time.Now().Add(time.Duration(w.random.Int64N(int64(pause))))
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		n := w.random.IntN(total)
		for _, o := range all {
			if n -= o.weight; n < 0 {
				o.do(w)
				break
			}
		}
		due = due.Add(pause)
		if late := time.Now(); due.Before(late) {
			due = late
		}
	}
}

// A call is a request and where its answer goes.
type call struct {
	name         string // of the operation, in the table
	url          string // "" is the server's
	method, path string
	bearer, body string
	once         string  // an Idempotency-Key, or ""
	want         int     // the status; 0 is 200
	gone         bool    // after a 503, a 404 means that the first request has succeeded
	data         any     // gets the data of the envelope
	whole        *[]byte // gets the body
}

// send makes a request, and repeats it while the answer is 503. It reports whether the
// answer is the wanted one, and how often the request was repeated. Anything else is
// an error of the test.
func (w *worker) send(c call) (ok bool, repeated int64) {
	const most = 30
	for attempt := range int64(most) {
		started := time.Now()
		status, body, err := w.attempt(c)
		took := time.Since(started)
		switch {
		case err != nil:
			w.fail(c.name, "%v", err)
			return false, attempt
		case status == http.StatusServiceUnavailable:
			w.note(c.name, func(s *stat) { s.busy++ })
			time.Sleep(100 * time.Millisecond) // as Retry-After says, but sooner
			continue
		case status == http.StatusNotFound && c.gone && attempt > 0:
			return true, attempt
		case status != max(c.want, http.StatusOK):
			w.fail(c.name, "%d %s", status, body)
			return false, attempt
		}
		w.note(c.name, func(s *stat) { s.took = append(s.took, took) })
		if c.whole != nil {
			*c.whole = body
		}
		if err := decode(body, c.data); err != nil {
			w.fail(c.name, "%v: %s", err, body)
			return false, attempt
		}
		return true, attempt
	}
	w.fail(c.name, "503 in each of %d attempts", most)
	return false, most
}

// decode reads the data of an envelope.
func decode(body []byte, data any) error {
	if data == nil {
		return nil
	}
	if usage, ok := data.(*wire.UsageAnswer); ok {
		return json.Unmarshal(body, usage)
	}
	var envelope wire.Envelope[json.RawMessage]
	if err := json.Unmarshal(body, &envelope); err != nil {
		return err
	}
	return json.Unmarshal(envelope.Data, data)
}

func (w *worker) attempt(c call) (status int, body []byte, err error) {
	url := c.url
	if url == "" {
		url = w.soak.serve.URL
	}
	r, err := http.NewRequestWithContext(context.Background(), c.method, url+c.path, strings.NewReader(c.body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.bearer)
	r.Header.Set("Content-Type", "application/json")
	if c.once != "" {
		r.Header.Set("Idempotency-Key", c.once)
	}
	answer, err := w.soak.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, bytes.TrimSpace(body), err
}

func (w *worker) note(name string, change func(*stat)) {
	w.soak.mu.Lock()
	defer w.soak.mu.Unlock()
	if w.soak.stats[name] == nil {
		w.soak.stats[name] = new(stat)
	}
	change(w.soak.stats[name])
}

func (w *worker) fail(name, format string, args ...any) {
	text := capture.Normalize(fmt.Sprintf(format, args...))
	w.note(name, func(s *stat) { s.errors = append(s.errors, text) })
}

// id returns a new ID of a request.
func (w *worker) id() string {
	w.calls++
	return fmt.Sprintf("soak-%08d-of-worker-%06d", w.calls, w.number)
}

// of returns a request with the user's access token.
func (w *worker) of(name, method, path, body string) call {
	return call{name: name, method: method, path: path, bearer: w.access, body: body}
}

// with returns a request with a key.
func (w *worker) with(e *entry, name, method, path, body string) call {
	return call{name: name, method: method, path: path, bearer: e.key, body: body}
}

func (w *worker) today() int64 { return time.Now().Unix() / daySeconds * daySeconds }

// one returns one of the elements.
func one[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// first returns the entry of one of the tokens that the user had at first.
func (w *worker) first() *entry {
	id := one(w.random, w.order)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entries[id]
}

// any returns the entry of any token, so that all kinds are used a lot.
func (w *worker) any() *entry {
	switch n := w.random.IntN(10); {
	case n < 5:
		return one(w.random, w.shared)
	case n < 7 && len(w.own) > 0:
		return one(w.random, w.own)
	default:
		return w.first()
	}
}
