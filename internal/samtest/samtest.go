// Package samtest makes a server on this machine's 127.0.0.1, such as the local
// DynamoDB engine, reachable for functions in containers. With the build tag
// sam, its tests run template.yaml with the real sam; `make test-sam` installs
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

// fromContainer is the name of this machine in a container of Docker Desktop.
const fromContainer = "host.docker.internal"

// Expose returns a URL by which containers reach a local URL. It returns a URL of
// another machine unchanged.
//
// On Linux a container reaches this machine only at the address of Docker's
// bridge. Expose listens on that address, and forwards connections until the
// context ends. Docker Desktop has its bridge in a virtual machine, and itself
// forwards from a host name.
func Expose(ctx context.Context, endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("parse endpoint: %w", err)
	}
	if host := u.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return endpoint, nil
	}
	if u.Port() == "" {
		return "", fmt.Errorf("endpoint %s has no port: add one", endpoint)
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

// errElsewhere means that Docker's bridge is not on this machine but in the
// virtual machine of Docker Desktop.
var errElsewhere = errors.New("docker runs in a virtual machine")

// bridge returns the address of Docker's default network on this machine, or
// errElsewhere.
func bridge(ctx context.Context) (net.IP, error) {
	const format = `{{index .Options "com.docker.network.bridge.name"}}`
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", "network", "inspect", "--format", format, "bridge")
	cmd.Stderr = &said
	name, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("docker network inspect: %w: %s", err, bytes.TrimSpace(said.Bytes()))
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

// forward connects each connection to target until the listener closes.
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

// pass copies until the sender closes its side, and then closes the side of the
// receiver.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // the two ends handle errors
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
