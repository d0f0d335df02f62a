package boot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// BenchmarkColdStart starts the process of a function and sends it one event that
// reads the table. It reports the median time from the start to the answer, and
// the largest resident memory at that time.
//
//	go test -run '^$' -bench ColdStart -benchtime 50x ./shared/boot
func BenchmarkColdStart(b *testing.B) {
	built := lambdatest.Build(b, dynamotest.Root(b), runtime.GOARCH, functionPackages)
	for _, function := range []string{"list", "get", "create"} {
		b.Run(function, func(b *testing.B) {
			kit := dynamotest.New(b)
			event := readEvent(b, function, prepare(b, kit))
			var took []time.Duration
			var resident float64
			for b.Loop() {
				started := time.Now()
				f := lambdatest.Start(b, filepath.Join(built, function), environment(kit)...)
				if _, err := f.Invoke(b.Context(), event); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(started))
				resident = max(resident, residentMB(b, f.PID()))
				f.Stop()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(resident, "resident-MB")
		})
	}
}

// residentMB returns the largest resident memory that a process has had, in
// 10^6 bytes, as Linux counts it.
func residentMB(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes * 1024 / 1e6
}
