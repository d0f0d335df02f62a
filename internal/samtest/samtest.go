// Package samtest lets functions in containers reach what listens on this
// machine's 127.0.0.1, as the local DynamoDB engine does. Its tests, under
// the tag sam, prove template.yaml with the real sam; `make test-sam` has
// what they need.
package samtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"sync"
)

// fromContainer is this machine for a container that Docker Desktop runs.
const fromContainer = "host.docker.internal"

// Expose returns a URL under which containers reach a local one. A URL of
// another machine comes back as it is.
//
// On Linux a container reaches this machine at the address of Docker's bridge
// alone: Expose listens there, on no other address, and forwards until the
// context ends. Docker Desktop has its bridge elsewhere, and forwards by
// itself under a name.
func Expose(ctx context.Context, endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("read endpoint: %w", err)
	}
	if host := u.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return endpoint, nil
	}
	if u.Port() == "" {
		return "", fmt.Errorf("endpoint %s has no port: add it", endpoint)
	}
	address, err := bridge(ctx)
	if errors.Is(err, errElsewhere) {
		u.Host = net.JoinHostPort(fromContainer, u.Port())
		return u.String(), nil
	}
	if err != nil {
		return "", err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(address.String(), "0"))
	if err != nil {
		return "", fmt.Errorf("listen for containers: %w", err)
	}
	target := u.Host
	u.Host = listener.Addr().String()
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go forward(ctx, listener, target)
	return u.String(), nil
}

// errElsewhere says that Docker's bridge is not on this machine: Docker
// Desktop has a virtual one for it.
var errElsewhere = errors.New("docker runs elsewhere")

// bridge is the address of Docker's default network on this machine, or
// errElsewhere.
func bridge(ctx context.Context) (net.IP, error) {
	const format = `{{index .Options "com.docker.network.bridge.name"}}`
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", "network", "inspect", "--format", format, "bridge")
	cmd.Stderr = &said
	name, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask Docker for its network: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	device, err := net.InterfaceByName(string(bytes.TrimSpace(name)))
	if err != nil {
		return nil, errElsewhere
	}
	addresses, err := device.Addrs()
	if err != nil {
		return nil, fmt.Errorf("read the addresses of %s: %w", device.Name, err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP, nil
		}
	}
	return nil, fmt.Errorf("%s, Docker's bridge, has no IPv4 address", device.Name)
}

// forward passes each connection on to target, until the listener closes.
func forward(ctx context.Context, listener net.Listener, target string) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close() //nolint:errcheck // both directions have ended
			to, err := new(net.Dialer).DialContext(ctx, "tcp", target)
			if err != nil {
				return // the container sees a connection that closes
			}
			defer to.Close() //nolint:errcheck // as above
			defer context.AfterFunc(ctx, func() { _, _ = from.Close(), to.Close() })()
			var both sync.WaitGroup
			both.Go(func() { pass(to, from) })
			both.Go(func() { pass(from, to) })
			both.Wait()
		}()
	}
}

// pass copies until the sender has ended, and tells the receiver so.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // how it ended is for the two ends to say
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
