package benchtest_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// A server is a running `tokenctl serve` or `tokenctl proxy`. It logs into a file, as
// in production, so that this process does not spend time on its lines.
type server struct {
	url string
	cmd *exec.Cmd
}

// serve starts tokenctl with the engine at an endpoint and waits until it is ready. It
// is killed at the end of the test.
func (b *bench) serve(t testing.TB, endpoint string, env []string, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log")) //nolint:gosec // a test's own folder
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()                        //nolint:errcheck // the process has its own
	cmd := exec.Command(b.tokenctl, args...) //nolint:gosec,noctx // the command under test; the cleanup below ends it
	cmd.Env = append(append(os.Environ(), "PORT=0", "HOME="+dir, "DATA_DIR="+filepath.Join(dir, "data"), "AWS_EC2_METADATA_DISABLED=true", "DYNAMODB_ENDPOINT="+endpoint, "TABLE_NAME="+dynamotest.Table), env...)
	out := new(capture.Output)
	cmd.Stdout, cmd.Stderr = out, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd}
	t.Cleanup(s.stop)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(out.String(), "Press Ctrl-C to stop.\n"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("tokenctl %v did not start", args)
		}
	}
	s.url = regexp.MustCompile(`ready at (http://\S+)\n`).FindStringSubmatch(out.String())[1]
	return s
}

// stop may be called more than once.
func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// newClient returns a client that keeps its connections.
func newClient(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 1_000, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// statusMB returns a value in kB of /proc/PID/status, such as VmRSS, in 10^6 bytes. It is
// 0 on a system without this file.
func statusMB(pid int, name string) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	kilobytes, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kilobytes * 1024 / 1e6
}

// cpuOf returns the CPU time that the threads of a process have used so far.
func cpuOf(pid int) (sum time.Duration) {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	for _, file := range files {
		content, _ := os.ReadFile(file) //nolint:gosec // a file of the system; a thread may have ended
		nanoseconds, _ := strconv.ParseInt(strings.Fields(string(content) + " 0")[0], 10, 64)
		sum += time.Duration(nanoseconds)
	}
	return sum
}

// finish reads an answer to its end and returns its status and its body.
func finish(answer *http.Response, err error) (int, []byte, error) {
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode, body, err
}
