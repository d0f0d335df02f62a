// Package engine runs the local DynamoDB engine, dynoxide, as a child
// process: for the local server and for tests. It knows nothing of tables.
package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// ErrMissing says that the engine's binary is not where it should be.
var ErrMissing = errors.New("the local DynamoDB engine is not installed; run `make tools`")

// Path returns the path of the engine's binary below a project's root, where
// `make tools` installs it.
func Path(root string) string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return filepath.Join(root, "node_modules", "@dynoxide", runtime.GOOS+"-"+arch, "dynoxide")
}

// An Engine is a running engine.
type Engine struct {
	Endpoint string

	control  string // URL of its own tools, by MCP
	secret   string // that lets in there
	lifeline *os.File
	exited   chan struct{}
	output   *bytes.Buffer
	stop     sync.Once
}

const (
	startTries  = 3 // another process may take the free port first
	readyWithin = 5 * time.Second
	stopWithin  = 3 * time.Second
)

// Start runs the binary on a free port of 127.0.0.1 and waits until it
// answers. file is where it keeps its data; with "" they are in memory and
// gone when it stops. The engine ends with this process, however that ends.
func Start(ctx context.Context, binary, file string) (*Engine, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w (no file %s)", ErrMissing, binary)
	}
	var err error
	for range startTries {
		var e *Engine
		if e, err = start(ctx, binary, file); err == nil {
			return e, nil
		}
	}
	return nil, err
}

// guard runs the engine and kills it when file 3, the lifeline, closes. The
// other end is held by the parent alone, so it closes with the parent, also
// when that is killed.
const guard = `"$@" 3<&- & engine=$!
(read -r _ <&3; kill "$engine") >/dev/null 2>&1 & reader=$!
wait "$engine"
kill "$reader"`

func start(ctx context.Context, binary, file string) (*Engine, error) {
	ports, err := freePorts(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{
		"-c", guard, "engine", binary, "serve", "--host", "127.0.0.1", "--port", strconv.Itoa(ports[0]),
		"--mcp", "--mcp-port", strconv.Itoa(ports[1]),
	}
	if file != "" {
		args = append(args, "--db-path", file)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close() //nolint:errcheck // a read end; nothing is lost
	e := &Engine{
		Endpoint: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])),
		control:  "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1])) + "/mcp", secret: rand.Text(),
		lifeline: ours, exited: make(chan struct{}), output: new(bytes.Buffer),
	}
	// The context ends the start, not the engine: Stop and the lifeline do.
	cmd := exec.Command("/bin/sh", args...) //nolint:noctx,gosec // see above; the binary is the operator's
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdout, cmd.Stderr = e.output, e.output
	cmd.Env = append(os.Environ(), "DYNOXIDE_MCP_AUTH_TOKEN="+e.secret)
	detach(cmd)
	if err := cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended shows in its output
		close(e.exited)
	}()
	if err := e.ready(ctx); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// ready waits until the engine takes connections.
func (e *Engine) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", e.Endpoint[len("http://"):])
		if err == nil {
			return conn.Close()
		}
		select {
		case <-e.exited:
			return fmt.Errorf("the local DynamoDB engine ended at once: %s", bytes.TrimSpace(e.output.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("the local DynamoDB engine is not ready: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Exited is closed when the engine has ended.
func (e *Engine) Exited() <-chan struct{} { return e.exited }

// Stop ends the engine and waits for it.
func (e *Engine) Stop() {
	e.stop.Do(func() { _ = e.lifeline.Close() })
	select {
	case <-e.exited:
	case <-time.After(stopWithin):
	}
}

// freePorts finds two.
func freePorts(ctx context.Context) (ports [2]int, err error) {
	for i := range ports {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return ports, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()                         //nolint:errcheck // nothing was sent
		ports[i] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is a TCP listener
	}
	return ports, nil
}
