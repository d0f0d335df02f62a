package benchtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

// A started function is what its starts took.
type started struct {
	name, binary string
	event        string
	took, cpu    []time.Duration
	resident     float64 // the largest, in 10^6 bytes
}

// start measures the starts of functions by turns: a Go binary of a few system calls, a
// function that does nothing, and ours, which read the table.
func (b *bench) start(t testing.TB) []string {
	root := dynamotest.Root(t)
	dir := t.TempDir()
	build := func(packages, name string) string {
		return copied(t, filepath.Join(lambdatest.Build(t, root, runtime.GOARCH, packages), name), dir)
	}
	const kits = "./internal/benchtest/testdata/"
	kit := dynamotest.New(t)
	tenant, keys := fill(t, kit, "start", b.tokens)
	access := tenant.Access.Reveal()
	all := []*started{
		{name: "system calls", binary: build(kits+"syscalls", "syscalls"), event: "{}"},
		{name: "do-nothing", binary: build(kits+"nothing", "nothing"), event: "{}"},
		{name: "get", binary: build("./functions/...", "get"), event: event("GET", "/api/token/7", access, "")},
		{name: "list", binary: build("./functions/...", "list"), event: event("GET", "/api/token", access, "")},
		{name: "verify, a check", binary: build("./functions/...", "verify"), event: event("POST", "/api/token/verify", keys[6], `{}`)},
		{name: "verify, a spend", binary: build("./functions/...", "verify"), event: event("POST", "/api/token/verify", keys[6], `{"quota":1}`)},
	}
	for range b.starts {
		for _, s := range all {
			s.run(t, kit)
		}
	}
	nothing := quantile(all[1].took, 0.5)
	table := []string{"| function | binary, KB | start to first answer, p50, ms | p99, ms | × do-nothing | CPU until then, p50, ms | resident, MB |", "|---|---|---|---|---|---|---|"}
	for _, s := range all {
		info, err := os.Stat(s.binary)
		if err != nil {
			t.Fatal(err)
		}
		p50, p99 := quantile(s.took, 0.5), quantile(s.took, 0.99)
		table = append(table, fmt.Sprintf("| %s | %d | %.2f | %.2f | %.2f | %.2f | %.1f |", s.name, info.Size()/1000, milliseconds(p50), milliseconds(p99), float64(p50)/float64(nothing), milliseconds(quantile(s.cpu, 0.5)), s.resident))
		name := strings.NewReplacer(" ", "_", ",", "").Replace(s.name)
		for i := range s.took {
			b.raw = append(b.raw, fmt.Sprintf("BenchmarkStart/%s 1 %.3f ms/start %.3f cpu-ms/start", name, milliseconds(s.took[i]), milliseconds(s.cpu[i])))
		}
	}
	return table
}

// copied copies a binary into dir, as a deployed one is a copy, and returns its path. The
// linker leaves a binary in the page cache in small pieces, with which the same binary
// starts a tenth slower.
func copied(t testing.TB, binary, dir string) string {
	t.Helper()
	content, err := os.ReadFile(binary) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, filepath.Base(binary))
	if err := os.WriteFile(to, content, 0o700); err != nil { //nolint:gosec // it has to be run
		t.Fatal(err)
	}
	return to
}

func (s *started) run(t testing.TB, kit *dynamotest.Kit, environment ...string) {
	t.Helper()
	begun := time.Now()
	f := lambdatest.Start(t, s.binary, append(environment, "TABLE_NAME="+dynamotest.Table, "AWS_REGION=us-east-1", "DYNAMODB_ENDPOINT="+kit.Endpoint)...)
	defer f.Stop()
	answer, err := f.Invoke(t.Context(), []byte(s.event))
	took := time.Since(begun)
	if err != nil || !strings.Contains(string(answer), `"statusCode":200`) && string(answer) != `"nothing"` {
		t.Fatalf("%s: got %s, %v, want a success", s.name, answer, err)
	}
	s.took = append(s.took, took)
	s.cpu = append(s.cpu, cpuOf(f.PID()))
	s.resident = max(s.resident, statusMB(f.PID(), "VmHWM"))
}

// event returns the event of a request.
func event(method, path, credential, body string) string {
	return fmt.Sprintf(`{"version":"2.0","rawPath":%[2]q,"headers":{"authorization":"Bearer %[3]s","content-type":"application/json"},"requestContext":{"requestId":"bench","http":{"method":%[1]q,"path":%[2]q,"sourceIp":"203.0.113.7"}},"body":%[4]q}`, method, path, credential, body)
}
