// Package lambdatest runs the binary of a function as Lambda does. It serves the
// Runtime API, from which the binary fetches events and to which it sends its
// answers: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambdatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// ErrExited means that the process of the function exited before it answered.
var ErrExited = errors.New("the process of the function exited")

// An InvocationError is the JSON report of a function that failed. To its client,
// API Gateway would answer 500.
type InvocationError struct{ Report string }

func (e *InvocationError) Error() string { return "invocation error: " + e.Report }

// A Function is a running process of a function. It is safe for concurrent use;
// like Lambda, it passes one event at a time to the process, and freezes the
// process between events.
type Function struct {
	runtime *runtimeAPI
	server  *httptest.Server
	busy    chan struct{} // has one value while the process handles an event
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has exited and its output is complete
	stdout  capture.Output
	stderr  capture.Output

	mu      sync.Mutex
	streams []*Stream // Stop closes them, so that nothing waits for a test to read
}

// Start runs a binary. Its environment has the given variables, NAME=value each,
// and the address of the Runtime API, and nothing else. The process is killed when
// the test ends, and the test fails if the process printed a key or an access
// token.
func Start(t testing.TB, binary string, environment ...string) *Function {
	t.Helper()
	f := &Function{runtime: newRuntimeAPI(), busy: make(chan struct{}, 1), exited: make(chan struct{})}
	f.server = httptest.NewServer(f.runtime)
	// The cleanup below stops the process. t.Context would kill it before any cleanup
	// of the test runs.
	f.cmd = exec.Command(binary) //nolint:noctx // see above
	f.cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(f.server.URL, "http://")}, environment...)
	f.cmd.Stdout, f.cmd.Stderr = &f.stdout, &f.stderr
	if err := f.cmd.Start(); err != nil {
		f.server.Close()
		t.Fatalf("start the function: %v", err)
	}
	f.runtime.process <- f.cmd.Process
	go func() {
		_ = f.cmd.Wait() // ExitCode returns the status
		close(f.exited)
	}()
	t.Cleanup(func() {
		f.Stop()
		if found := capture.FindCredential(f.stdout.String() + f.stderr.String()); found != "" {
			t.Errorf("the function printed a credential, %.7s…", found)
		}
	})
	return f
}

// Invoke sends an event and returns the answer. The error is an *InvocationError,
// ErrExited, or that of the context. The function gets the deadline of the context,
// at most two minutes from now.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	select {
	case f.busy <- struct{}{}:
		defer func() { <-f.busy }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait until the function is free: %w", ctx.Err())
	}
	deadline, _ := ctx.Deadline()
	sent := f.runtime.send(event, deadline, false)
	defer f.runtime.forget(sent)
	got, err := f.await(ctx, sent)
	if err != nil {
		return nil, err
	}
	return got.answer, got.err
}

// await waits for what the function answers to an event.
func (f *Function) await(ctx context.Context, sent *invocation) (result, error) {
	select {
	case got := <-sent.result:
		return got, nil
	case <-f.exited:
		select {
		case got := <-sent.result: // it answered and then exited
			return got, nil
		default:
		}
		return result{}, fmt.Errorf("%w with %d: %s", ErrExited, f.cmd.ProcessState.ExitCode(), bytes.TrimSpace(f.Stderr()))
	case <-ctx.Done():
		return result{}, fmt.Errorf("wait for the answer of the function: %w", ctx.Err())
	}
}

// Stop kills the process and waits until its output is complete. It may be called
// more than once.
func (f *Function) Stop() {
	_ = f.cmd.Process.Kill() // it may have exited already
	<-f.exited
	f.mu.Lock()
	for _, s := range f.streams {
		_ = s.Body.Close()
	}
	f.mu.Unlock()
	f.server.Close()
}

// ExitCode waits until the process exits by itself, and returns its status.
func (f *Function) ExitCode(ctx context.Context) (int, error) {
	select {
	case <-f.exited:
		return f.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the function to exit: %w", ctx.Err())
	}
}

// PID returns the process id.
func (f *Function) PID() int { return f.cmd.Process.Pid }

// Stdout returns what the process has written to stdout so far. After Stop or
// ExitCode it is complete.
func (f *Function) Stdout() []byte { return f.stdout.Bytes() }

// Stderr is like Stdout, for stderr.
func (f *Function) Stderr() []byte { return f.stderr.Bytes() }
