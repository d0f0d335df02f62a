package lambdatest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// A streamed answer arrives while the function writes it, and ends as the function
// ends it.
func TestStream(t *testing.T) {
	binary := filepath.Join(lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./internal/lambdatest/testdata/streamer"), "streamer")
	for name, test := range map[string]func(*testing.T, *lambdatest.Function){
		"arrives_in_pieces":    arrivesInPieces,
		"error_before":         failsBeforeTheStream,
		"error_in_the_middle":  failsInTheStream,
		"exit_in_the_middle":   exitsInTheStream,
		"client_disconnects":   learnsNothingOfTheClient,
		"connection_breaks":    learnsOfABrokenConnection,
		"killed_at_deadline":   isKilledAtTheDeadline,
		"frozen_between_calls": isFrozenBetweenEvents,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, lambdatest.Start(t, binary))
		})
	}
}

// stream sends an event and reads the first piece of the answer.
func stream(t *testing.T, ctx context.Context, f *lambdatest.Function, event string) *lambdatest.Stream { //nolint:revive // t comes first in this package
	t.Helper()
	s, err := f.Stream(ctx, []byte(`"`+event+`"`))
	if err != nil {
		t.Fatal(err)
	}
	if first := make([]byte, 5); !read(s.Body, first) || string(first) != "first" {
		t.Fatalf("got %q, want the first piece", first)
	}
	return s
}

func read(r io.Reader, p []byte) bool {
	_, err := io.ReadFull(r, p)
	return err == nil
}

func arrivesInPieces(t *testing.T, f *lambdatest.Function) {
	for range 2 {
		s := stream(t, t.Context(), f, "two")
		if strings.Contains(string(f.Stdout()), "wrote 6 <nil>\nwrote") {
			t.Error("the first piece came after the second was written, want it before")
		}
		if s.Status != 201 || cmp.Diff(s.Headers, map[string]string{"X-Event": "two"}) != "" || cmp.Diff(s.Cookies, []string{"a=b"}) != "" {
			t.Errorf("got %d %v %v, want what the function set", s.Status, s.Headers, s.Cookies)
		}
		if rest, err := io.ReadAll(s.Body); string(rest) != "second" || err != nil {
			t.Errorf("got %q, %v, want the second piece", rest, err)
		}
	}
}

func failsBeforeTheStream(t *testing.T, f *lambdatest.Function) {
	var failed *lambdatest.InvocationError
	if _, err := f.Stream(t.Context(), []byte(`"fail"`)); !errors.As(err, &failed) || !strings.Contains(failed.Report, "on purpose") {
		t.Errorf("got error %v, want an invocation error", err)
	}
}

func failsInTheStream(t *testing.T, f *lambdatest.Function) {
	s := stream(t, t.Context(), f, "break_off")
	var failed *lambdatest.InvocationError
	if _, err := io.ReadAll(s.Body); !errors.As(err, &failed) || !strings.Contains(failed.Report, "on purpose") {
		t.Errorf("got error %v, want an invocation error", err)
	}
	stream(t, t.Context(), f, "two") // the function goes on
}

func exitsInTheStream(t *testing.T, f *lambdatest.Function) {
	s := stream(t, t.Context(), f, "exit")
	if rest, err := io.ReadAll(s.Body); err == nil {
		t.Errorf("got %q and the end of the stream, want an error", rest)
	}
}

func learnsNothingOfTheClient(t *testing.T, f *lambdatest.Function) {
	s := stream(t, t.Context(), f, "two")
	_ = s.Body.Close()
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream(t, t.Context(), f, "two")
	if got := string(f.Stdout()); !strings.HasPrefix(got, "wrote 6 <nil>\n") {
		t.Errorf("got %q, want that the function wrote everything", got)
	}
}

func learnsOfABrokenConnection(t *testing.T, f *lambdatest.Function) {
	s := stream(t, t.Context(), f, "two")
	s.Break()
	s.Break()
	if rest, err := io.ReadAll(s.Body); err == nil {
		t.Errorf("got %q and the end of the stream, want an error", rest)
	}
	if code, err := f.ExitCode(t.Context()); err != nil || code != 1 {
		t.Errorf("got exit code %d, %v, want 1: aws-lambda-go gives up", code, err)
	}
}

func isKilledAtTheDeadline(t *testing.T, f *lambdatest.Function) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	s := stream(t, ctx, f, "hang")
	if rest, err := io.ReadAll(s.Body); err == nil {
		t.Errorf("got %q and the end of the stream, want an error", rest)
	}
	if code, err := f.ExitCode(t.Context()); err != nil || code != -1 {
		t.Errorf("got exit code %d, %v, want the process killed", code, err)
	}
}

func isFrozenBetweenEvents(t *testing.T, f *lambdatest.Function) {
	s := stream(t, t.Context(), f, "two")
	if _, err := io.ReadAll(s.Body); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for state(t, f) != "T" { // stopped
		if time.Now().After(deadline) {
			t.Fatalf("got state %s of the process, want T", state(t, f))
		}
	}
	stream(t, t.Context(), f, "two") // which is not read to its end: Stop does not wait for that
}

// state returns the state of the process as Linux names it.
func state(t *testing.T, f *lambdatest.Function) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}
