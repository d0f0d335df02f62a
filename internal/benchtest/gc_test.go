package benchtest_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// BenchmarkGC compares targets of the garbage collection by turns: CPU time and memory
// of `tokenctl serve` with 8 callers, and the start of a function.
//
//	go test -run '^$' -bench GC -benchtime 40x ./internal/benchtest
func BenchmarkGC(b *testing.B) {
	root := dynamotest.Root(b)
	bench := &bench{tokenctl: filepath.Join(lambdatest.Build(b, root, runtime.GOARCH, "./cmd/tokenctl"), "tokenctl")}
	targets := []string{"100", "400"}
	w := newWorld(b, dynamotest.New(b), "bench", 1_000, 1, 1)
	for _, o := range operations() {
		if !slices.Contains([]string{"get", "list the newest 10", "spend"}, o.name) {
			continue
		}
		b.Run("serve/"+strings.ReplaceAll(o.name, " ", "_"), func(b *testing.B) {
			var counter atomic.Int64
			callers, all, cpu := map[string]*caller{}, map[string]*series{}, map[string]time.Duration{}
			servers := map[string]*server{}
			for _, target := range targets {
				servers[target] = bench.serve(b, w.kit.Endpoint, []string{"GOGC=" + target}, "serve")
				callers[target], all[target] = &caller{newClient(b), servers[target].url, w}, new(series)
			}
			for b.Loop() {
				for _, target := range targets {
					before := cpuOf(servers[target].cmd.Process.Pid)
					all[target].round(b, 8, 100*time.Millisecond, &counter, func(n int64) error { return o.do(callers[target], n) })
					cpu[target] += cpuOf(servers[target].cmd.Process.Pid) - before
				}
			}
			for _, target := range targets {
				rate, _ := all[target].rate()
				b.ReportMetric(rate, target+"-req/s")
				b.ReportMetric(float64(cpu[target].Microseconds())/float64(len(all[target].took)), target+"-cpu-µs/req")
				b.ReportMetric(statusMB(servers[target].cmd.Process.Pid, "VmHWM"), target+"-MB")
			}
		})
	}
	b.Run("start/list", func(b *testing.B) {
		binary := filepath.Join(lambdatest.Build(b, root, runtime.GOARCH, "./functions/..."), "list")
		all := map[string]*started{}
		for _, target := range targets {
			all[target] = &started{name: "list", binary: binary, event: event("GET", "/api/token", w.tenant.Access.Reveal(), "")}
		}
		for b.Loop() {
			for _, target := range targets {
				all[target].run(b, w.kit, "GOGC="+target)
			}
		}
		for _, target := range targets {
			b.ReportMetric(milliseconds(quantile(all[target].took, 0.5)), target+"-p50-ms")
			b.ReportMetric(milliseconds(quantile(all[target].cpu, 0.5)), target+"-cpu-ms")
			b.ReportMetric(all[target].resident, target+"-MB")
		}
	})
}
