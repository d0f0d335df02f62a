package dynamotest

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A Process runs clients and can die. From then on none of their calls reaches
// DynamoDB, and the process's context is cancelled.
type Process struct {
	mu      sync.Mutex
	left    int // calls before the last one; negative if it does not die
	arrives bool
	dead    bool
	cancel  context.CancelFunc
}

// Start starts the process and returns its context. The process dies with call
// number last, counted from 1; arrives says whether that call reaches DynamoDB. If
// last is 0 the process does not die.
func (p *Process) Start(ctx context.Context, last int, arrives bool) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.arrives, p.dead = last-1, arrives, false
	ctx, p.cancel = context.WithCancel(ctx)
	return ctx
}

// Stop stops the process and reports whether it had died.
func (p *Process) Stop() (died bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel()
	return p.dead
}

// Configure is a client option.
func (p *Process) Configure(o *dynamodb.Options) { o.HTTPClient = &processClient{p, o.HTTPClient} }

// call counts a call and reports whether it reaches DynamoDB and whether it is the
// last one.
func (p *Process) call() (arrives, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false, false
	}
	p.dead = p.left == 0
	p.left--
	return !p.dead || p.arrives, p.dead
}

var errDead = errors.New("the process is dead")

type processClient struct {
	process *Process
	next    dynamodb.HTTPClient
}

// Do sends a request unless the process is dead.
func (c *processClient) Do(r *http.Request) (*http.Response, error) {
	arrives, last := c.process.call()
	switch {
	case arrives && !last:
		return c.next.Do(r)
	case arrives:
		if resp, err := c.next.Do(r); err == nil {
			_ = resp.Body.Close() // the process is dead and can't read it
		}
	}
	c.process.cancel()
	return nil, errDead
}
