package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A MemoryQueue delivers messages in this process. What it has not delivered is lost
// when the process ends, so it drops what it has no room for instead of refusing it. It
// is a webhook.Queue.
type MemoryQueue struct {
	ctx      context.Context //nolint:containedctx // messages outlive the call that adds them
	deliver  func(ctx context.Context, m webhook.Message, number int, queued time.Time) Result
	report   func(webhook.Message, Result)
	dropped  func(count int)
	now      func() time.Time
	slots    chan struct{}
	mu       sync.Mutex
	waiting  int
	lanes    map[address]*lane // of the endpoints that messages wait for
	lost     int               // dropped, but not reported yet
	finished sync.WaitGroup
}

// A lane lets a message of its endpoint make an attempt.
type lane struct {
	slots    chan struct{}
	messages int
}

// An address is that of an endpoint.
type address struct{ userID, endpointID int64 }

// A MemoryQueue has up to maxWaiting messages, and makes up to maxAttempts attempts
// at a time, of which up to maxPerEndpoint are for one endpoint. So fewer than
// maxAttempts/maxPerEndpoint receivers that do not answer delay no other. It reports
// what it drops once per reportPause.
const (
	maxWaiting     = 10_000
	maxAttempts    = 64
	maxPerEndpoint = 4
	reportPause    = time.Second
)

// NewMemoryQueue returns a queue that delivers until the context ends. report gets
// the result of each attempt, and dropped how many messages there was no room for since
// its last call, at most once a second.
func NewMemoryQueue(ctx context.Context, d *Deliverer, report func(webhook.Message, Result), dropped func(count int)) *MemoryQueue {
	return &MemoryQueue{ctx: ctx, deliver: d.Deliver, report: report, dropped: dropped, now: d.Now, slots: make(chan struct{}, maxAttempts), lanes: map[address]*lane{}}
}

// Enqueue implements webhook.Queue. It never fails.
func (q *MemoryQueue) Enqueue(_ context.Context, messages []webhook.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := 0
	for _, m := range messages {
		own, ok := q.enter(m)
		if !ok {
			lost++
			continue
		}
		q.finished.Go(func() { q.run(m, own) })
	}
	if lost > 0 {
		if q.lost == 0 {
			time.AfterFunc(reportPause, q.reportDropped)
		}
		q.lost += lost
	}
	return nil
}

// Wait returns once no message is left, or the context of the queue has ended.
func (q *MemoryQueue) Wait() {
	q.finished.Wait()
	q.reportDropped()
}

func (q *MemoryQueue) reportDropped() {
	q.mu.Lock()
	lost := q.lost
	q.lost = 0
	q.mu.Unlock()
	if lost > 0 {
		q.dropped(lost)
	}
}

// enter adds a message to the lane of its endpoint. ok is false if there is no room: an
// endpoint has at most as many messages as the room that is left, so there is always
// some for others. The caller has locked the queue.
func (q *MemoryQueue) enter(m webhook.Message) (own *lane, ok bool) {
	at := address{m.UserID, m.EndpointID}
	own, known := q.lanes[at]
	if !known {
		own = &lane{slots: make(chan struct{}, maxPerEndpoint)}
	}
	if own.messages >= maxWaiting-q.waiting {
		return nil, false
	}
	q.lanes[at] = own
	q.waiting++
	own.messages++
	return own, true
}

// leave removes a message.
func (q *MemoryQueue) leave(m webhook.Message, own *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting--
	if own.messages--; own.messages == 0 {
		delete(q.lanes, address{m.UserID, m.EndpointID})
	}
}

func (q *MemoryQueue) run(m webhook.Message, own *lane) {
	defer q.leave(m, own)
	queued := q.now()
	for number := 1; ; number++ {
		r, ok := q.attempt(m, own, number, queued)
		if !ok {
			return
		}
		q.report(m, r)
		if r.Outcome != Retry {
			return
		}
		select {
		case <-q.ctx.Done():
			return
		case <-time.After(r.Pause):
		}
	}
}

// attempt makes an attempt when there is room for one. ok is false if the context
// has ended.
func (q *MemoryQueue) attempt(m webhook.Message, own *lane, number int, queued time.Time) (r Result, ok bool) {
	for _, slots := range []chan struct{}{own.slots, q.slots} { // what waits for its endpoint takes no room from others
		select {
		case <-q.ctx.Done():
			return Result{}, false
		case slots <- struct{}{}:
		}
		defer func() { <-slots }()
	}
	r = q.deliver(q.ctx, m, number, queued)
	return r, q.ctx.Err() == nil
}
