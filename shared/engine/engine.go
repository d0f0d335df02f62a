// Package engine runs dynoxide, a local DynamoDB engine, as a child process, for
// the local server and for tests.
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

// ErrMissing means that the binary of the engine does not exist.
var ErrMissing = errors.New("the local DynamoDB engine is not installed; run `make tools`")

// Path returns where `make tools` installs the engine's binary, below the root of
// the project.
func Path(root string) string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return filepath.Join(root, "node_modules", "@dynoxide", runtime.GOOS+"-"+arch, "dynoxide")
}

// An Engine is a running engine.
type Engine struct {
	Endpoint string // URL of its DynamoDB API

	mcpURL   string // URL of its MCP server, which has the tool that removes expired items
	mcpToken string // bearer token of the MCP server
	lifeline *os.File
	exited   chan struct{}
	output   *bytes.Buffer
	stop     sync.Once
}

const (
	maxStarts    = 3 // another process may take the free port first
	readyTimeout = 5 * time.Second
	stopTimeout  = 3 * time.Second
)

// Start runs the binary on a free port of a loopback address and waits until it accepts
// connections. It stores its data in file, or in memory if file is "". The engine
// also stops when this process ends, even if this process is killed.
func Start(ctx context.Context, binary, file string) (*Engine, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w (no file %s)", ErrMissing, binary)
	}
	var err error
	for range maxStarts {
		var e *Engine
		if e, err = start(ctx, binary, file); err == nil {
			return e, nil
		}
	}
	return nil, err
}

// guardScript runs the engine and kills it when file descriptor 3 closes. That is
// the read end of a pipe, the lifeline. Only the parent process has the write
// end, so the pipe closes when the parent ends, even if the parent is killed.
const guardScript = `"$@" 3<&- & engine=$!
(read -r _ <&3; kill "$engine") >/dev/null 2>&1 & reader=$!
wait "$engine"
kill "$reader"`

func start(ctx context.Context, binary, file string) (*Engine, error) {
	host := loopback()
	ports, err := freePorts(ctx, host)
	if err != nil {
		return nil, err
	}
	args := []string{
		"-c", guardScript, "engine", binary, "serve", "--host", host, "--port", strconv.Itoa(ports[0]),
		"--mcp", "--mcp-port", strconv.Itoa(ports[1]),
	}
	if file != "" {
		args = append(args, "--db-path", file)
	}
	readEnd, writeEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer readEnd.Close() //nolint:errcheck // nothing was written to it
	e := &Engine{
		Endpoint: "http://" + net.JoinHostPort(host, strconv.Itoa(ports[0])),
		mcpURL:   "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1])) + "/mcp", mcpToken: rand.Text(),
		lifeline: writeEnd, exited: make(chan struct{}), output: new(bytes.Buffer),
	}
	// The context limits the start only. Stop or the lifeline ends the engine.
	cmd := exec.Command("/bin/sh", args...) //nolint:noctx,gosec // see above; the caller chooses the binary
	cmd.ExtraFiles = []*os.File{readEnd}
	cmd.Stdout, cmd.Stderr = e.output, e.output
	cmd.Env = append(os.Environ(), "DYNOXIDE_MCP_AUTH_TOKEN="+e.mcpToken)
	detach(cmd)
	if err := cmd.Start(); err != nil {
		_ = writeEnd.Close()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		_ = cmd.Wait() // its output has the cause
		close(e.exited)
	}()
	if err := e.waitUntilReady(ctx); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// waitUntilReady waits until the engine accepts connections.
func (e *Engine) waitUntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", e.Endpoint[len("http://"):])
		if err == nil {
			return conn.Close()
		}
		select {
		case <-e.exited:
			return fmt.Errorf("the local DynamoDB engine exited at start: %s", bytes.TrimSpace(e.output.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("the local DynamoDB engine is not ready: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Exited returns a channel that is closed when the engine has exited.
func (e *Engine) Exited() <-chan struct{} { return e.exited }

// Stop stops the engine and waits until it has exited, up to three seconds. It may
// be called more than once.
func (e *Engine) Stop() {
	e.stop.Do(func() { _ = e.lifeline.Close() })
	select {
	case <-e.exited:
	case <-time.After(stopTimeout):
	}
}

// loopback returns an address of this machine that nobody can guess, if there are
// enough of them: on Linux, the whole network 127.0.0.0/8. The engine checks no
// credentials and allows every web origin.
func loopback() string {
	const usual = "127.0.0.1"
	if runtime.GOOS != "linux" {
		return usual
	}
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	host := net.IPv4(127, b[0]|1, b[1], b[2]|1).String()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0")) //nolint:noctx // it does not block
	if err != nil {
		return usual
	}
	_ = l.Close() // no connection was made
	return host
}

// freePorts returns a free port of the host, and one of 127.0.0.1.
func freePorts(ctx context.Context, host string) (ports [2]int, err error) {
	for i, host := range [...]string{host, "127.0.0.1"} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return ports, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()                         //nolint:errcheck // no connection was made
		ports[i] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is a TCP listener
	}
	return ports, nil
}
