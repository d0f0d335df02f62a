package benchtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// BenchmarkBuilds compares builds of tokenctl by turns, at one engine: the CPU time of
// `tokenctl serve` for a request. Two copies of one build show how far to trust it.
//
//	BUILDS="before after" go test -run '^$' -bench Builds -benchtime 20x ./internal/benchtest
func BenchmarkBuilds(b *testing.B) {
	builds := strings.Fields(os.Getenv("BUILDS"))
	if len(builds) == 0 {
		b.Skip("BUILDS has no paths of binaries of tokenctl")
	}
	w := newWorld(b, dynamotest.New(b), "bench", 1_000, 1, 1)
	servers := make([]*server, len(builds))
	for i, path := range builds {
		servers[i] = (&bench{tokenctl: path}).serve(b, w.kit.Endpoint, nil, "serve")
	}
	for _, o := range operations() {
		if !slices.Contains([]string{"get", "list the newest 10", "check", "spend"}, o.name) {
			continue
		}
		for _, callers := range []int{8, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", strings.ReplaceAll(o.name, " ", "_"), callers), func(b *testing.B) {
				var counter atomic.Int64
				all, cpu, ratios := make([]series, len(builds)), make([][]float64, len(builds)), make([][]float64, len(builds))
				for round := 0; b.Loop(); round++ {
					for i := range builds {
						i = (i + round) % len(builds)
						c, pid, done := &caller{newClient(b), servers[i].url, w}, servers[i].cmd.Process.Pid, len(all[i].took)
						before := cpuOf(pid)
						all[i].round(b, callers, 200*time.Millisecond, &counter, func(n int64) error { return o.do(c, n) })
						cpu[i] = append(cpu[i], float64((cpuOf(pid)-before).Nanoseconds())/1e3/float64(len(all[i].took)-done))
					}
				}
				for i, path := range builds {
					for round := range cpu[i] {
						ratios[i] = append(ratios[i], cpu[i][round]/cpu[0][round])
					}
					b.ReportMetric(middle(cpu[i]), filepath.Base(path)+"-cpu-µs/req")
					b.ReportMetric(middle(ratios[i]), filepath.Base(path)+"-×-first")
				}
			})
		}
	}
}
