// Package lambdatest runs a function's binary as Lambda does: it is the
// Runtime API that the binary asks for events and gives answers to. It knows
// nothing of what is in them.
//
// The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambdatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// ErrExited means that the function's process ended instead of answering.
var ErrExited = errors.New("the function's process ended")

// An InvocationError is what a function reported instead of an answer, as
// JSON. API Gateway would answer 500 in its place.
type InvocationError struct{ Report string }

func (e *InvocationError) Error() string { return "invocation error: " + e.Report }

// A Function is a running process. Its methods may be called from several
// goroutines; like Lambda, it hands the process one event at a time.
type Function struct {
	runtime *runtimeAPI
	server  *httptest.Server
	turn    chan struct{} // holds one value while an event is being worked on
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has ended and its output is complete
	stdout  capture.Output
	stderr  capture.Output
}

// Start runs a binary with an environment of NAME=value and nothing else but
// the address of the Runtime API. The process ends with the test, and the test
// fails if it printed a key or an access token.
func Start(t testing.TB, binary string, environment ...string) *Function {
	t.Helper()
	f := &Function{runtime: newRuntimeAPI(), turn: make(chan struct{}, 1), exited: make(chan struct{})}
	f.server = httptest.NewServer(f.runtime)
	// The test's end stops it, in order; a context would race with that.
	f.cmd = exec.Command(binary) //nolint:noctx // see above
	f.cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(f.server.URL, "http://")}, environment...)
	f.cmd.Stdout, f.cmd.Stderr = &f.stdout, &f.stderr
	if err := f.cmd.Start(); err != nil {
		f.server.Close()
		t.Fatalf("start the function: %v", err)
	}
	go func() {
		_ = f.cmd.Wait() // ExitCode tells how it ended
		close(f.exited)
	}()
	t.Cleanup(func() {
		f.Stop()
		if found := capture.Credential(f.stdout.String() + f.stderr.String()); found != "" {
			t.Errorf("the function printed a credential, %.7s…", found)
		}
	})
	return f
}

// Invoke sends an event and returns the answer. The error is an
// *InvocationError, ErrExited, or the context's. The function has until the
// context's deadline, ten seconds at most, and is told so.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the function to be free: %w", ctx.Err())
	}
	deadline, _ := ctx.Deadline()
	sent := f.runtime.send(event, deadline)
	defer f.runtime.forget(sent)
	select {
	case got := <-sent.result:
		return got.answer, got.err
	case <-f.exited:
		select {
		case got := <-sent.result: // its last word
			return got.answer, got.err
		default:
		}
		return nil, fmt.Errorf("%w with %d: %s", ErrExited, f.cmd.ProcessState.ExitCode(), bytes.TrimSpace(f.Stderr()))
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the function's answer: %w", ctx.Err())
	}
}

// Stop ends the process and waits until its output is complete.
func (f *Function) Stop() {
	_ = f.cmd.Process.Kill() // it may have ended by itself
	<-f.exited
	f.server.Close()
}

// ExitCode waits until the process ends by itself and returns its code.
func (f *Function) ExitCode(ctx context.Context) (int, error) {
	select {
	case <-f.exited:
		return f.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the function to end: %w", ctx.Err())
	}
}

// PID is the number of the process.
func (f *Function) PID() int { return f.cmd.Process.Pid }

// Stdout is what the process has printed so far; all of it after Stop or
// ExitCode.
func (f *Function) Stdout() []byte { return f.stdout.Bytes() }

// Stderr is like Stdout.
func (f *Function) Stderr() []byte { return f.stderr.Bytes() }
