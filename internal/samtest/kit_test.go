//go:build sam

package samtest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/internal/samtest"
	"github.com/latchkey-api/latchkey/shared/api"
)

// A project is a copy of what sam needs of this project, with functions built for
// this machine, and an engine that containers can reach.
type project struct {
	*dynamotest.Kit
	ctx        context.Context // ends before go test times out
	dir        string
	parameters string // of the template
}

func newProject(t *testing.T) *project {
	t.Helper()
	root, dir := dynamotest.Root(t), t.TempDir()
	for _, name := range []string{"template.yaml", "samconfig.toml"} {
		copyFile(t, filepath.Join(root, name), filepath.Join(dir, name))
	}
	built := lambdatest.Build(t, root, runtime.GOARCH, "./functions/...")
	for _, f := range api.Functions() {
		copyFile(t, filepath.Join(built, f.Name), filepath.Join(dir, "build", f.Name, "bootstrap"))
	}
	removeContainers(t, dir)
	kit := dynamotest.New(t)
	ctx := beforeTimeout(t)
	endpoint, err := samtest.Expose(ctx, kit.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	return &project{kit, ctx, dir, "Arch=" + arch + " Endpoint=" + endpoint + " TableName=" + dynamotest.Table}
}

// beforeTimeout returns the context of the test, but with a deadline before
// -timeout, at which go test would end the process and leave sam and its
// containers behind.
func beforeTimeout(t *testing.T) context.Context {
	t.Helper()
	const grace = 45 * time.Second
	deadline, ok := t.Deadline()
	if !ok {
		return t.Context()
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-grace))
	t.Cleanup(cancel)
	return ctx
}

// copyFile copies a file and creates its folder.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from) //nolint:gosec // a file of the project
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o750)
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o755) //nolint:gosec // the user in the container runs it
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sam returns a command of sam local. It ends with the test, after it has removed
// its containers.
func (p *project) sam(args ...string) *exec.Cmd {
	const patience = 30 * time.Second
	args = append([]string{"local"}, append(args, "--parameter-overrides", p.parameters)...)
	cmd := exec.CommandContext(p.ctx, "sam", args...) //nolint:gosec // a test's own arguments
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// removeContainers fails the test if a container still exists after sam has ended,
// and removes it. It waits, because Docker removes containers with a delay.
func removeContainers(t *testing.T, dir string) {
	t.Helper()
	const patience, pause = 10 * time.Second, 200 * time.Millisecond
	t.Cleanup(func() {
		left := containers(t, dir)
		for deadline := time.Now().Add(patience); len(left) > 0 && time.Now().Before(deadline); left = containers(t, dir) {
			time.Sleep(pause)
		}
		if len(left) > 0 {
			t.Errorf("sam has ended and left containers %v", left)
			docker(t, append([]string{"rm", "--force"}, left...)...)
		}
	})
}

// containers returns the IDs of containers that run a function of the folder.
func containers(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, f := range api.Functions() {
		all = append(all, strings.Fields(docker(t, "ps", "--all", "--quiet", "--filter", "volume="+filepath.Join(dir, "build", f.Name)))...)
	}
	return all
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...) //nolint:gosec // a test's own arguments
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("docker %s: %v: %s", args[0], err, said.Bytes())
	}
	return string(out)
}
