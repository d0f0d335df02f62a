package costtest_test

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"
)

// Figures are what an operation costs. costColumns says which of them are exact.
type figures struct {
	name   string
	logged struct {
		ReadUnits  float64 `json:"read_units"`
		WriteUnits float64 `json:"write_units"`
		RoundTrips int     `json:"round_trips"`
	}
	sent, received int64 // bytes of the bodies between us and DynamoDB
	own, sdk       allocations
}

// allocations are those of one run.
type allocations struct{ count, bytes uint64 }

// record runs an operation on the engine, once so that caches are warm and once to
// record it. Then all runs it on the recorded answers, and sdk makes its calls alone.
func (w *world) record(t testing.TB, o operation) (all, sdk func()) {
	t.Helper()
	w.tape.pass()
	w.send(t, w.prepare(t, o))
	event := w.prepare(t, o)
	var recorded int
	w.tape.record(func() { recorded = len(w.send(t, event)) })
	plain := w.tape.plainClient(w.kit.Endpoint)
	all = func() {
		w.tape.rewind()
		w.log.Reset()
		// A key in the answer is another one each time, of the same length.
		if answer, err := w.handler.Invoke(t.Context(), event); err != nil || len(answer) != recorded {
			t.Errorf("%s: got %s, %v, want %d bytes as on the engine", o.name, answer, err, recorded)
		}
	}
	sdk = func() {
		w.tape.rewind()
		if err := w.tape.call(t.Context(), plain); err != nil {
			t.Error(err)
		}
	}
	return all, sdk
}

// measure measures an operation.
func (w *world) measure(t testing.TB, o operation) figures {
	t.Helper()
	all, sdk := w.record(t, o)
	f := figures{name: o.name, sent: w.tape.sent, received: w.tape.received}
	if err := json.Unmarshal(w.log.Bytes(), &f.logged); err != nil {
		t.Fatalf("the log %s: %v", &w.log, err)
	}
	f.sdk = least(sdk)
	whole := least(all)
	f.own = allocations{whole.count - f.sdk.count, whole.bytes - f.sdk.bytes}
	return f
}

// least returns the least allocations of many runs. It is what a run allocates by
// itself: garbage collections and other goroutines only add to it.
func least(run func()) allocations {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const warm, runs = 20, 100
	var a allocations
	var before, after runtime.MemStats
	for i := range warm + runs {
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		count, bytes := after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
		if i == warm || i > warm && count < a.count {
			a.count = count
		}
		if i == warm || i > warm && bytes < a.bytes {
			a.bytes = bytes
		}
	}
	return a
}
