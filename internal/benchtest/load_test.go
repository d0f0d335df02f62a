package benchtest_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A series is what one kind of request did in all rounds.
type series struct {
	name      string
	perSecond []float64       // of each round
	took      []time.Duration // of each request, in all rounds
	refused   int             // answers that the server or the database was busy; they are in no other figure
	share     float64         // CPU time of this process, of all that the machine has, 0 to 1; the largest of a round
}

// errBusy means that the server or the database was too busy to do what was asked.
var errBusy = errors.New("busy")

// checkStatus returns an error if a status is not the wanted one: errBusy for those that
// ask the client to try again later.
func checkStatus(got, want int, answer []byte) error {
	switch got {
	case want:
		return nil
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return errBusy
	default:
		return fmt.Errorf("got %d %s, want %d", got, answer, want)
	}
}

// round runs do with so many callers for a time, or until it fails or nothing is left. do gets a number
// that is another one in each call.
func (s *series) round(t testing.TB, callers int, lasts time.Duration, counter *atomic.Int64, do func(n int64) error) {
	t.Helper()
	took := make([][]time.Duration, callers)
	var workers sync.WaitGroup
	var refused atomic.Int64
	cpu, begun := ownCPU(), time.Now()
	for i := range callers {
		workers.Go(func() {
			for first := true; first || time.Since(begun) < lasts; first = false {
				started := time.Now()
				err := do(counter.Add(1))
				if errors.Is(err, errUsedUp) {
					return
				}
				if errors.Is(err, errBusy) {
					refused.Add(1)
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", s.name, err)
					return
				}
				took[i] = append(took[i], time.Since(started))
			}
		})
	}
	workers.Wait()
	elapsed := time.Since(begun)
	if t.Failed() {
		t.FailNow()
	}
	all := slices.Concat(took...)
	s.refused += int(refused.Load())
	s.took = append(s.took, all...)
	s.perSecond = append(s.perSecond, float64(len(all))/elapsed.Seconds())
	s.share = max(s.share, float64(ownCPU()-cpu)/float64(elapsed)/float64(runtime.NumCPU()))
}

// rate returns the median of the rounds, and how far the round that is farthest from it
// is from it, in percent of it. With six rounds, the median of many more is within that
// with a probability of 1 - 2/2^6, which is 96.9 %.
func (s *series) rate() (median, spread float64) {
	median = middle(s.perSecond)
	return median, 100 * max(slices.Max(s.perSecond)-median, median-slices.Min(s.perSecond)) / max(median, 1)
}

func middle(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// refusals returns how many requests of 100 were refused.
func (s *series) refusals() float64 {
	return 100 * float64(s.refused) / float64(max(s.refused+len(s.took), 1))
}

// quantile returns the time that a share of all requests, 0 to 1, took at most, in
// milliseconds.
func (s *series) quantile(share float64) float64 { return milliseconds(quantile(s.took, share)) }

func quantile[T cmp.Ordered](all []T, share float64) (value T) {
	if len(all) == 0 {
		return value
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// raw returns the rounds in the format of Go's benchmarks.
func (s *series) raw() (lines []string) {
	for _, rate := range s.perSecond {
		lines = append(lines, fmt.Sprintf("Benchmark%s 1 %.1f req/s", s.name, rate))
	}
	return append(lines, fmt.Sprintf("Benchmark%s %d %.4f p50-ms %.4f p99-ms", s.name, len(s.took), s.quantile(0.5), s.quantile(0.99)))
}

// ownCPU returns the CPU time of this process so far.
func ownCPU() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err) // it has no error for this process
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
