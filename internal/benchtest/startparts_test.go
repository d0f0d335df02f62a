package benchtest_test

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// BenchmarkStartParts compares the starts of functions that do more and more: nothing,
// nothing with the SDK linked into it, one read, and ours. Each round starts them in
// another order, because a start depends on what ended just before it.
//
//	go test -run '^$' -bench StartParts -benchtime 100x ./internal/benchtest
func BenchmarkStartParts(b *testing.B) {
	dir := b.TempDir()
	build := func(packages, name string) string {
		return copied(b, filepath.Join(lambdatest.Build(b, dynamotest.Root(b), runtime.GOARCH, packages), name), dir)
	}
	kit := dynamotest.New(b)
	tenant, _ := fill(b, kit, "start", 1_000)
	access := tenant.Access.Reveal()
	all := []*started{
		{name: "nothing", event: "{}"},
		{name: "sdk", event: "{}"},
		{name: "oneread", event: "{}"},
		{name: "get", event: event("GET", "/api/token/7", access, "")},
		{name: "list", event: event("GET", "/api/token", access, "")},
	}
	for i, s := range all {
		packages := "./functions/..."
		if i < 3 {
			packages = "./internal/benchtest/testdata/" + s.name
		}
		s.binary = build(packages, s.name)
	}
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) { //nolint:gosec // needs no secrecy
			all[i].run(b, kit)
		}
	}
	for _, s := range all {
		b.ReportMetric(milliseconds(quantile(s.took, 0.5)), s.name+"-p50-ms")
		b.ReportMetric(milliseconds(quantile(s.cpu, 0.5)), s.name+"-cpu-ms")
	}
}
