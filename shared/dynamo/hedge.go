package dynamo

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
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
	a := h.race(ctx, in, next, wait)
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

// race sends a request, and after a while again. It returns the first attempt, unless
// the second one succeeds before it has ended.
func (h *hedge) race(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler, wait time.Duration) attempt {
	firstCtx, cancelFirst := context.WithCancel(ctx)
	secondCtx, cancelSecond := context.WithCancel(ctx)
	var sent, decided atomic.Bool
	second := make(chan attempt, 1)
	timer := time.AfterFunc(wait, func() {
		again, ok := copyRequest(in)
		if !ok || !h.spend() {
			cancelSecond()
			return
		}
		sent.Store(true)
		a := send(secondCtx, cancelSecond, again, next)
		if a.succeeded() && decided.CompareAndSwap(false, true) {
			cancelFirst()
			second <- a
			return
		}
		a.drop()
	})
	a := send(firstCtx, cancelFirst, in, next)
	timer.Stop()
	if decided.CompareAndSwap(false, true) {
		cancelSecond()
	} else {
		a.drop()
		a = <-second
	}
	if sent.Load() {
		a.metadata.Set(hedgedKey{}, true)
	}
	return a
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
