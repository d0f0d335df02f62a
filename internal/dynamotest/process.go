package dynamotest

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A Process is what runs a client, and may die: then no call of it arrives any
// more, and its context ends, so that nothing waits for it.
type Process struct {
	mu      sync.Mutex
	left    int // calls until it dies; negative if it lives
	applied bool
	dead    bool
	kill    context.CancelFunc
}

// Start makes the process live, for as long as its context. It dies with its
// call number last, counted from 1, which arrives or not; with 0 it lives on.
func (p *Process) Start(ctx context.Context, last int, arrives bool) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.applied, p.dead = last-1, arrives, false
	ctx, p.kill = context.WithCancel(ctx)
	return ctx
}

// Stop ends the process, if it did not die, and reports whether it did.
func (p *Process) Stop() (died bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
	return p.dead
}

// Tweak lets a client run in the process.
func (p *Process) Configure(o *dynamodb.Options) { o.HTTPClient = &mortal{p, o.HTTPClient} }

// call counts one, and says whether it arrives and whether it is the last.
func (p *Process) call() (arrives, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false, false
	}
	p.dead = p.left == 0
	p.left--
	return !p.dead || p.applied, p.dead
}

var errDead = errors.New("the process is dead")

type mortal struct {
	process *Process
	next    dynamodb.HTTPClient
}

// Do sends a request, unless the process dies before.
func (m *mortal) Do(r *http.Request) (*http.Response, error) {
	arrives, last := m.process.call()
	switch {
	case arrives && !last:
		return m.next.Do(r)
	case arrives:
		if answer, err := m.next.Do(r); err == nil {
			_ = answer.Body.Close() // nobody is left to read it
		}
	}
	m.process.kill()
	return nil, errDead
}
