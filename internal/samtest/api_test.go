//go:build sam

package samtest_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
)

// deviations are the sub-tests that fail because sam local start-api does
// otherwise than an HTTP API, and why. Nothing else may fail, and what is
// here must.
func deviations() map[string]string {
	const (
		oneID   = "SAM makes one request id when it starts and gives it to every request"
		slashes = "SAM's web server makes one slash of those that a path begins with"
		methods = "SAM knows seven methods and answers 403 to others before any function"
		utf8    = "SAM reads every body as UTF-8 and answers 502 to others; AWS encodes them in base64"
	)
	return map[string]string{
		"TestContract/Envelope":                          oneID,
		"TestContract/Paths/404/GET//api/token":          slashes,
		"TestContract/Paths/404/POST//api/token":         slashes,
		"TestContract/Paths/404/DELETE//api/token":       slashes,
		"TestContract/Paths/405/BREW/api/token/":         methods,
		"TestContract/HostileBodies/400/UTF-16":          utf8,
		"TestContract/HostileBodies/400/Latin-1":         utf8,
		"TestContract/HostileBodies/400/overlong":        utf8,
		"TestContract/HostileBodies/400/UTF-8_surrogate": utf8,
	}
}

func TestStartAPIPassesTheSuiteButForItsDeviations(t *testing.T) {
	p := newProject(t)
	url, log := p.startAPI(t)
	results := p.suite(t, url)
	for _, complaint := range judge(results, deviations()) {
		t.Error(complaint)
	}
	t.Logf("%d tests of the suite ran, %d deviations", len(results), len(deviations()))
	if t.Failed() {
		t.Logf("sam said:\n%s", log.Tail())
	}
}

// suite plays the suite in four processes at a time, for SAM often holds an
// answer back for a second: until it has seen a line of the container's log
// that it sometimes misses.
func (p *project) suite(t *testing.T, url string) map[string]result {
	t.Helper()
	const authentication, bodies, rules = "TestContract/Authentication", "TestContract/HostileBodies", "TestContract/(Rules|Create)"
	binary := filepath.Join(p.dir, "suite.test")
	if out, err := exec.CommandContext(p.ctx, "go", "test", "-c", "-tags", "sam", "-o", binary, "./suite").CombinedOutput(); err != nil { //nolint:gosec // a test's own file
		t.Fatalf("build the suite: %v\n%s", err, out)
	}
	var group sync.WaitGroup
	outputs := make([][]byte, 4)
	for i, choice := range []string{
		"-test.run=" + authentication, "-test.run=" + bodies, "-test.run=" + rules,
		"-test.skip=" + strings.Join([]string{authentication, bodies, rules}, "|"),
	} {
		cmd := exec.CommandContext(p.ctx, "go", "tool", "test2json", binary, "-test.v=test2json", choice) //nolint:gosec // as above
		cmd.Env = append(os.Environ(), "SUITE_URL="+url, "SUITE_ENGINE="+p.Endpoint)
		group.Go(func() { outputs[i], _ = cmd.CombinedOutput() }) // results tell more than the error
	}
	group.Wait()
	all := map[string]result{}
	for _, output := range outputs {
		results, err := readResults(output)
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range results {
			all[name] = result{r.failed || all[name].failed, all[name].said + r.said}
		}
	}
	return all
}

// startAPI runs sam local start-api until the test's end. It returns its URL
// when it takes connections, and what it says.
func (p *project) startAPI(t *testing.T) (string, *capture.Output) {
	t.Helper()
	const readyWithin, pause = time.Minute, 50 * time.Millisecond
	address := freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	said := new(capture.Output)
	cmd := p.sam("start-api", "--host", host, "--port", port)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it was asked to end is no error
		close(exited)
	}()
	// The test's context has told it to end. A second signal would have it
	// leave its containers.
	t.Cleanup(func() { <-exited })
	for deadline := time.Now().Add(readyWithin); ; {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return "http://" + address, said
		}
		select {
		case <-exited:
			t.Fatalf("sam ended at once:\n%s", said.Tail())
		case <-time.After(pause):
		}
		if time.Now().After(deadline) {
			t.Fatalf("sam is not ready after %v:\n%s", readyWithin, said.Tail())
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it has served
	return l.Addr().String()
}
