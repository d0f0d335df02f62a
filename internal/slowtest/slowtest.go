// Package slowtest has receivers of webhooks on loopback addresses that are slow on
// purpose.
package slowtest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Listen accepts connections until the end of the test, calls handle with each, and
// closes it then. A connection that the other side still keeps at the end of the test
// fails the test.
func Listen(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at the end of the test
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		ended := make(chan struct{})
		go func() { open.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second): // longer than a resolver of names keeps a connection
			t.Error("a connection stays open after its attempt")
		}
	})
	open.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close() //nolint:errcheck // the other side has closed it
				handle(c)
			})
		}
	})
	return listener.Addr().String()
}

// Silence reads until the other side closes the connection, and never answers.
func Silence(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// ReadRequest reads a request.
func ReadRequest(c net.Conn) {
	if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// Trickle writes a text byte by byte, over and over, until the other side closes the
// connection.
func Trickle(c net.Conn, text string) {
	for i := 0; ; i = (i + 1) % len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TrickleHead reads a request and answers with the head of a response that never ends.
func TrickleHead(c net.Conn) {
	ReadRequest(c)
	Trickle(c, "HTTP/1.1 200 OK\r\nA: b")
}

// MaxSent is more bytes than the buffers of both ends of a connection have room for.
const MaxSent = 64 << 20

// Flood reads a request, answers with a body that has no end, and returns how many
// bytes of it could be sent, up to a little more than MaxSent.
func Flood(c net.Conn) (sent int64) {
	ReadRequest(c)
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	for block := make([]byte, 64<<10); sent <= MaxSent; {
		n, err := c.Write(block)
		sent += int64(n)
		if err != nil {
			break
		}
	}
	return sent
}
