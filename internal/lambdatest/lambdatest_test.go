package lambdatest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// A Function answers, fails and exits as the process does. The test builds a small
// function once and runs it in every sub-test.
func TestFunction(t *testing.T) {
	binary := filepath.Join(lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./internal/lambdatest/testdata/function"), "function")
	for name, test := range map[string]func(*testing.T, string){
		"many_events":       answersManyEvents,
		"environment":       hasOnlyGivenEnvironment,
		"concurrent_events": getsOneEventAtATime,
		"invocation_error":  returnsInvocationError,
		"panic":             returnsPanic,
		"exit":              returnsExit,
		"failed_start":      returnsFailedStart,
		"timeout":           continuesAfterTimeout,
		"stopped":           refusesEventsAfterStop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, binary)
		})
	}
}

func answersManyEvents(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	for i := range 20 {
		want := fmt.Sprintf(`"event %d"`, i)
		expectAnswer(t, f, want, want)
	}
	f.Stop()
	if got := strings.Count(string(f.Stdout()), "got "); got != 20 {
		t.Errorf("got %d lines on stdout after Stop, want all 20", got)
	}
}

func hasOnlyGivenEnvironment(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary, "GREETING=hello")
	// The two variables, and one that aws-lambda-go sets.
	expectAnswer(t, f, `"environment"`, `["3","hello","00000000-0000-4000-8000-000000000001","true"]`)
}

func getsOneEventAtATime(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	var callers sync.WaitGroup
	for i := range 50 {
		callers.Go(func() { expectAnswer(t, f, fmt.Sprint(i), fmt.Sprint(i)) })
	}
	callers.Wait()
}

// returnsInvocationError checks that a failed invocation is an InvocationError and
// that the process then answers the next event.
func returnsInvocationError(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	expectInvocationError(t, f, `"fail"`, "failed on purpose")
	expectAnswer(t, f, `1`, `1`)
}

// returnsPanic checks that a panic is an InvocationError and ends the process.
func returnsPanic(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	expectInvocationError(t, f, `"panic"`, "on purpose")
	if got, err := f.ExitCode(t.Context()); err != nil || got != 1 {
		t.Errorf("got exit code %d, %v, want 1", got, err)
	}
}

func returnsExit(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	expectExited(t, f, `"exit"`, "with 4")
	expectExited(t, f, `1`, "with 4")
}

func returnsFailedStart(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary, "FAIL_AT_START=yes")
	expectExited(t, f, `1`, "with 3: failed on purpose")
}

func continuesAfterTimeout(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte(`"hang"`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want that of the context", err)
	}
	expectAnswer(t, f, `1`, `1`)
}

func refusesEventsAfterStop(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	f.Stop()
	f.Stop()
	expectExited(t, f, `1`, "with -1")
}

func expectAnswer(t *testing.T, f *lambdatest.Function, event, want string) {
	t.Helper()
	if got, err := f.Invoke(t.Context(), []byte(event)); err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func expectInvocationError(t *testing.T, f *lambdatest.Function, event, want string) {
	t.Helper()
	_, err := f.Invoke(t.Context(), []byte(event))
	var failed *lambdatest.InvocationError
	if !errors.As(err, &failed) || !strings.Contains(failed.Report, want) {
		t.Errorf("got error %v, want an invocation error with %q", err, want)
	}
}

func expectExited(t *testing.T, f *lambdatest.Function, event, want string) {
	t.Helper()
	if _, err := f.Invoke(t.Context(), []byte(event)); !errors.Is(err, lambdatest.ErrExited) || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want ErrExited %s", err, want)
	}
}
