package soaktest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// A process is a server whose use of memory is measured.
type process struct {
	name       string
	server     *tokenctltest.Server
	log        string // its file
	client     *http.Client
	resident   []float64 // samples, in MB
	live       []float64 // MB of the heap that were in use at each garbage collection
	filesAtEnd int       // open, once no request is in progress
	goroutines int       // likewise
	leaked     bool      // its log has a credential

	unavailable [][]byte // some lines of the log of answers with 503
}

// sample notes the resident memory while requests are made.
func (p *process) sample(ctx context.Context, upstream *modelstest.Upstream) {
	const most = 100
	tick := time.NewTicker(max(*lasts/most, 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		upstream.Take() // so that this process does not grow
		p.resident = append(p.resident, residentMB(p.server.Cmd.Process.Pid))
	}
}

// residentMB returns the resident memory of a process, in 10^6 bytes.
func residentMB(pid int) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kilobytes * 1024 / 1e6
}

var (
	collection = regexp.MustCompile(`\d->(\d+) MB, `) // other lines of the log may be within one of gctrace
	busyLine   = regexp.MustCompile(`(?m)^.*"status":503.*$`)
	goroutine  = regexp.MustCompile(`(?m)^goroutine \d+ .*\[`)
)

// end waits until no request is in progress, and reads the last figures of each process.
// That ends the processes: SIGQUIT makes them print their goroutines.
func (s *soak) end(t *testing.T) []*process {
	t.Helper()
	for _, p := range s.processes {
		files, err := filepath.Glob("/proc/" + strconv.Itoa(p.server.Cmd.Process.Pid) + "/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		p.filesAtEnd = len(files)
	}
	for _, p := range slices.Backward(s.processes) {
		p.server.End(t, syscall.SIGQUIT)
		f, err := os.Open(p.log)
		if err != nil {
			t.Fatal(err)
		}
		log, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		p.leaked = capture.FindCredential(string(log)) != ""
		const some = 5
		p.unavailable = busyLine.FindAll(log, some)
		p.goroutines = len(goroutine.FindAllIndex(log, -1))
		for _, found := range collection.FindAllSubmatch(log, -1) {
			mb, _ := strconv.ParseFloat(string(found[1]), 64) // digits
			p.live = append(p.live, mb)
		}
	}
	return s.processes
}

// The tolerances. The live heap is what is in use after a garbage collection: requests in
// progress and caches. Resident memory also has garbage, up to four times as much, which
// Go gives back slowly. A connection to the engine is a file and two goroutines.
const (
	maxHeapGrowth, heapSlackMB         = 1.25, 12 // from the second sixth of the run to the last one
	maxResidentGrowth, residentSlackMB = 1.5, 64
	maxFiles                           = 250 // open without a request in progress
	maxGoroutines                      = 450 // likewise
)

// problems returns what is wrong with a process. Growth shows only in a long run.
func (p *process) problems(long bool) (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, m := range []struct {
		what          string
		samples       []float64
		growth, slack float64
	}{{"resident memory", p.resident, maxResidentGrowth, residentSlackMB}, {"live heap", p.live, maxHeapGrowth, heapSlackMB}} {
		begin, end := growth(m.samples)
		switch {
		case !long:
		case begin == 0 && (len(m.samples) == 0 || *lasts > 5*time.Minute):
			add("%s: only %d samples", m.what, len(m.samples))
		case begin == 0: // a process that does little collects garbage seldom
		case end > begin*m.growth+m.slack:
			add("%s grows from %.0f to %.0f MB", m.what, begin, end)
		}
	}
	if p.filesAtEnd == 0 || p.filesAtEnd > maxFiles {
		add("%d files are open, want 1 to %d", p.filesAtEnd, maxFiles)
	}
	if p.goroutines == 0 || p.goroutines > maxGoroutines {
		add("%d goroutines, want 1 to %d", p.goroutines, maxGoroutines)
	}
	if p.leaked {
		add("its log has a credential")
	}
	return all
}

// growth returns the medians of the second sixth of the samples, and of the last one. They
// are 0 if there are too few samples.
func growth(samples []float64) (begin, end float64) {
	const parts, fewest = 6, 24
	n := len(samples) / parts
	if len(samples) < fewest {
		return 0, 0
	}
	return middle(samples[n : 2*n]), middle(samples[len(samples)-n:])
}

func middle(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// thinned returns about 30 of the samples.
func thinned(samples []float64) (some []float64) {
	const most = 30
	for i := 0; i < len(samples); i += max(len(samples)/most, 1) {
		some = append(some, samples[i])
	}
	return some
}
