package dynamo

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// hedgeFloor is the shortest time after which a read is sent again.
	hedgeFloor = 5 * time.Millisecond
	// callsPerHedge makes second attempts at most 2 % of the calls.
	callsPerHedge = 50
	// maxSavedHedges limits how many reads are sent again at once when all of them
	// become slow.
	maxSavedHedges = 5
)

// Hedge makes a client send a read again if its answer takes longer than 99 % of the
// calls of the last minute took, and at least 5 ms. The first answer wins, and the
// other attempt is cancelled. The second attempt is the same request, so it is as
// consistent; only its success counts. At most 2 % of the reads are sent again. A
// write never is: see docs/adr/0040-hedged-reads.md.
func Hedge(now func() time.Time) func(*dynamodb.Options) {
	hedges := map[string]*hedge{"GetItem": {now: now}, "BatchGetItem": {now: now}, "Query": {now: now}}
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(s *stack) error {
			h := hedges[s.ID()]
			if h == nil {
				return nil
			}
			return s.Deserialize.Add(h, middleware.After) // next to the connection, where the request is signed
		})
	}
}

// A hedge decides when the calls of one kind are sent again.
type hedge struct {
	now func() time.Time

	mu     sync.Mutex
	recent latencies
	saved  int // calls that were made, less callsPerHedge for each second attempt
}

// ID implements middleware.DeserializeMiddleware.
func (*hedge) ID() string { return "latchkeyHedge" }

// HandleDeserialize implements middleware.DeserializeMiddleware.
func (h *hedge) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	started := h.now()
	defer func() { h.end(h.now().Sub(started)) }()
	wait := h.begin(started)
	if wait == 0 {
		return next.HandleDeserialize(ctx, in)
	}
	r := &race{h: h, ctx: ctx, in: in, next: next}
	a := r.run(wait)
	return a.out, a.metadata, a.err
}

// begin counts a call and returns after how long it is sent again, 0 for never.
func (h *hedge) begin(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.saved = min(h.saved+1, maxSavedHedges*callsPerHedge)
	h.recent.advance(now)
	return h.recent.p99()
}

// end counts how long a call took. If the second attempt has won, the first would have
// taken longer.
func (h *hedge) end(took time.Duration) {
	h.mu.Lock()
	h.recent.add(took)
	h.mu.Unlock()
}

// spend reports whether a call may be sent again.
func (h *hedge) spend() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.saved < callsPerHedge {
		return false
	}
	h.saved -= callsPerHedge
	return true
}

// A race is a request that is sent, and after a while again. What the second attempt needs
// is made only for it.
type race struct {
	h    *hedge
	ctx  context.Context //nolint:containedctx // of one call
	in   middleware.DeserializeInput
	next middleware.DeserializeHandler

	mu           sync.Mutex
	decided      bool // an attempt has won
	cancelFirst  context.CancelFunc
	cancelSecond context.CancelFunc // nil unless there is a second attempt
	second       chan attempt       // gets it if it has won
}

// run returns the first attempt, unless the second one succeeds before it has ended. The
// time-out of the first attempt is in its context, which spares that of the client.
func (r *race) run(wait time.Duration) attempt {
	ctx, cancel := context.WithTimeout(r.ctx, attemptTimeout)
	r.cancelFirst = cancel
	timer := time.AfterFunc(wait, r.sendAgain)
	a := send(ctx, cancel, r.in, r.next)
	timer.Stop()
	r.mu.Lock()
	won := !r.decided
	r.decided = true
	r.mu.Unlock()
	if r.cancelSecond == nil {
		return a
	}
	if won {
		r.cancelSecond()
	} else {
		a.drop()
		a = <-r.second
	}
	a.metadata.Set(hedgedKey{}, true)
	return a
}

// sendAgain makes the second attempt.
func (r *race) sendAgain() {
	again, ok := copyRequest(r.in)
	r.mu.Lock()
	if r.decided || !ok || !r.h.spend() {
		r.mu.Unlock()
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.cancelSecond, r.second = cancel, make(chan attempt, 1)
	r.mu.Unlock()
	a := send(ctx, cancel, again, r.next)
	r.mu.Lock()
	won := a.succeeded() && !r.decided
	r.decided = r.decided || won
	r.mu.Unlock()
	if !won {
		a.drop()
		return
	}
	r.cancelFirst()
	r.second <- a
}

// hedgedKey is the key of a call's metadata that says that the call was sent twice.
type hedgedKey struct{}

// copyRequest returns a request that can be sent while the other one is. The copy has
// the same signature.
func copyRequest(in middleware.DeserializeInput) (again middleware.DeserializeInput, ok bool) {
	request := in.Request.(*smithyhttp.Request) //nolint:forcetypeassert // as in the SDK's own
	body, ok := request.GetStream().(*bytes.Reader)
	if !ok {
		return in, false
	}
	again.Request, _ = request.SetStream(io.NewSectionReader(body, 0, body.Size())) // a section of memory can be read
	return again, true
}

// An attempt is a request that was sent, with its answer. Its context ends when the
// answer's body is closed.
type attempt struct {
	out      middleware.DeserializeOutput
	metadata middleware.Metadata
	err      error
	cancel   context.CancelFunc
}

func send(ctx context.Context, cancel context.CancelFunc, in middleware.DeserializeInput, next middleware.DeserializeHandler) attempt {
	a := attempt{cancel: cancel}
	a.out, a.metadata, a.err = next.HandleDeserialize(ctx, in)
	response := a.response()
	if a.err != nil || response == nil {
		cancel()
		return a
	}
	response.Body = &cancelBody{response.Body, cancel}
	return a
}

func (a attempt) response() *smithyhttp.Response {
	response, _ := a.out.RawResponse.(*smithyhttp.Response)
	return response
}

func (a attempt) succeeded() bool {
	return a.err == nil && a.response() != nil && a.response().StatusCode == http.StatusOK
}

// drop ends an attempt whose answer is not wanted.
func (a attempt) drop() {
	a.cancel()
	if a.response() != nil {
		_ = a.response().Body.Close()
	}
}

// A cancelBody ends the context of its request when it is closed.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (b *cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
