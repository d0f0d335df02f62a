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

// TestFunction builds one small function and runs it in many ways.
func TestFunction(t *testing.T) {
	binary := filepath.Join(lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./internal/lambdatest/testdata/function"), "function")
	for name, test := range map[string]func(*testing.T, string){
		"answers_event_after_event":          answersEventAfterEvent,
		"has_the_given_environment_only":     hasTheGivenEnvironmentOnly,
		"is_given_one_event_at_a_time":       isGivenOneEventAtATime,
		"tells_an_invocation_error_and_goes": tellsAnInvocationErrorAndGoesOn,
		"tells_a_panic_and_has_exited":       tellsAPanicAndHasExited,
		"tells_the_end_of_the_process":       tellsTheEndOfTheProcess,
		"tells_that_it_never_started":        tellsThatItNeverStarted,
		"survives_a_timeout":                 survivesATimeout,
		"takes_no_event_once_stopped":        takesNoEventOnceStopped,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, binary)
		})
	}
}

func answersEventAfterEvent(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	for i := range 20 {
		want := fmt.Sprintf(`"event %d"`, i)
		expect(t, f, want, want)
	}
	f.Stop()
	if got := strings.Count(string(f.Stdout()), "got "); got != 20 {
		t.Errorf("got %d lines on stdout after Stop, want all 20", got)
	}
}

func hasTheGivenEnvironmentOnly(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary, "GREETING=hello")
	// The two, and those that aws-lambda-go's handler sets by itself.
	expect(t, f, `"environment"`, `["3","hello","00000000-0000-4000-8000-000000000001","true"]`)
}

func isGivenOneEventAtATime(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	var callers sync.WaitGroup
	for i := range 50 {
		callers.Go(func() { expect(t, f, fmt.Sprint(i), fmt.Sprint(i)) })
	}
	callers.Wait()
}

func tellsAnInvocationErrorAndGoesOn(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	expectInvocationError(t, f, `"fail"`, "failed as asked")
	expect(t, f, `1`, `1`)
}

func tellsAPanicAndHasExited(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	expectInvocationError(t, f, `"panic"`, "as asked")
	if got, err := f.ExitCode(t.Context()); err != nil || got != 1 {
		t.Errorf("got exit code %d, %v, want 1", got, err)
	}
}

func tellsTheEndOfTheProcess(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	expectExited(t, f, `"exit"`, "with 4")
	expectExited(t, f, `1`, "with 4")
}

func tellsThatItNeverStarted(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary, "BROKEN=yes")
	expectExited(t, f, `1`, "with 3: broken as asked")
}

func survivesATimeout(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, []byte(`"hang"`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want the context's", err)
	}
	expect(t, f, `1`, `1`)
}

func takesNoEventOnceStopped(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary)
	f.Stop()
	f.Stop()
	expectExited(t, f, `1`, "with -1")
}

func expect(t *testing.T, f *lambdatest.Function, event, want string) {
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
