package reqlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// written returns the fields of a logged line, without the time.
func written(t *testing.T, line reqlog.Line) map[string]any {
	t.Helper()
	return writtenBy(t, nil, line)
}

// textOf returns the line that a process writes.
func textOf(t *testing.T, p *reqlog.Process, line reqlog.Line) []byte {
	t.Helper()
	var out bytes.Buffer
	line.Write(reqlog.WithProcess(t.Context(), p), slog.New(slog.NewJSONHandler(&out, nil)))
	return out.Bytes()
}

// writtenBy is written for the line of a process.
func writtenBy(t *testing.T, p *reqlog.Process, line reqlog.Line) map[string]any {
	t.Helper()
	text := textOf(t, p, line)
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatalf("got log %q, want one line of JSON", text)
	}
	delete(fields, "time")
	return fields
}

// A line has the common fields under fixed names and leaves out what the
// request does not have.
func TestLine(t *testing.T) {
	cost := reqlog.Cost{ReadUnits: 1.5, WriteUnits: 2, RoundTrips: 3}
	for name, tt := range map[string]struct {
		line reqlog.Line
		want map[string]any
	}{
		"least": {
			reqlog.Line{},
			map[string]any{"level": "INFO", "msg": "request", "ms": 0.0, "request_id": ""},
		},
		"all": {
			reqlog.Line{
				Message: "model request", Level: slog.LevelWarn, Route: "get", RequestID: "abc", Duration: 1234 * time.Microsecond,
				Attrs: []slog.Attr{reqlog.UserID(1), reqlog.TokenID(2), cost.Reads(), cost.Writes(), cost.Trips()}, Status: 404,
				Code: "token_not_found", Scope: "window:day", Hedged: 1, Unrecorded: 2, Err: errors.New("no such token"),
			},
			map[string]any{
				"level": "WARN", "msg": "model request", "route": "get", "request_id": "abc", "ms": 1.234,
				"user_id": 1.0, "token_id": 2.0, "read_units": 1.5, "write_units": 2.0, "round_trips": 3.0, "status": 404.0,
				"code": "token_not_found", "scope": "window:day", "hedged": 1.0, "unrecorded": 2.0, "error": "no such token",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, written(t, tt.line)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

// A key or an access token in an error or a scope is masked in the log.
func TestLineMasksCredentials(t *testing.T) {
	key := credential.NewKey(1, 2).Reveal()
	line := written(t, reqlog.Line{Err: errors.New("refused " + key), Scope: "model:" + key})
	for field, start := range map[string]string{"error": "refused ", "scope": "model:"} {
		got, _ := line[field].(string)
		if !strings.HasPrefix(got, start) || strings.Contains(got, key[len(key)-20:]) {
			t.Errorf("got %s %.15q…, want the key masked", field, got)
		}
	}
}

// Recover turns a panic into an error with its stack, and changes nothing
// without a panic.
func TestRecover(t *testing.T) {
	failure := errors.New("failure")
	run := func(f func() error) (err error) {
		defer reqlog.Recover(&err)
		return f()
	}
	if got := run(func() error { return nil }); got != nil {
		t.Errorf("got %v, want no error", got)
	}
	if got := run(func() error { return failure }); !errors.Is(got, failure) {
		t.Errorf("got %v, want the function's own error", got)
	}
	got := run(func() error { panic("on purpose") })
	if got == nil || !strings.HasPrefix(got.Error(), "panic: on purpose\n") || !strings.Contains(got.Error(), "TestRecover") {
		t.Errorf("got %v, want the panic and its stack", got)
	}
}

// A Meter adds up what concurrent calls cost; without one nothing is counted.
func TestMeter(t *testing.T) {
	reqlog.MeterFrom(t.Context()).Add(reqlog.Cost{RoundTrips: 1}) // does nothing, and does not panic
	ctx, meter := reqlog.WithMeter(t.Context())
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			reqlog.MeterFrom(ctx).Add(reqlog.Cost{ReadUnits: 0.5, WriteUnits: 1, RoundTrips: 2, Hedged: 1})
		})
	}
	calls.Wait()
	if got, want := meter.Cost(), (reqlog.Cost{ReadUnits: 5, WriteUnits: 10, RoundTrips: 20, Hedged: 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
