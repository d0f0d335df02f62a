//go:build clients

package clientstest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A tap sits between a client and a server and records every byte, without
// changing the connections. So it sees the answers that a client got, whatever
// the client makes of them.
type tap struct {
	URL string

	mu    sync.Mutex
	links []*link
}

// A link is one recorded connection.
type link struct {
	requests, answers recording
}

// A recording is what went one way. old bytes belong to earlier cases.
type recording struct {
	bytes []byte
	old   int
}

// An answer is a response as it arrived.
type answer struct {
	Status      int
	ContentType string
	Header      http.Header
	Body        []byte // decompressed
}

// newTap starts a tap in front of the server at a URL.
func newTap(t *testing.T, server string) *tap {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &tap{URL: "http://" + listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go p.connect(client, strings.TrimPrefix(server, "http://"))
		}
	}()
	return p
}

func (p *tap) connect(client net.Conn, address string) {
	defer client.Close() //nolint:errcheck // the connection has ended
	server, err := new(net.Dialer).Dial("tcp", address)
	if err != nil {
		return
	}
	l := new(link)
	p.mu.Lock()
	p.links = append(p.links, l)
	p.mu.Unlock()
	go func() {
		p.record(server, client, &l.requests)
		_ = server.Close() // the client has closed the connection
	}()
	p.record(client, server, &l.answers)
	_ = server.Close()
}

// record copies from one connection to another until either ends.
func (p *tap) record(to io.Writer, from io.Reader, r *recording) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		r.bytes = append(r.bytes, buffer[:n]...)
		p.mu.Unlock()
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// forget makes take return later answers only.
func (p *tap) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.requests.old, l.answers.old = len(l.requests.bytes), len(l.answers.bytes)
	}
}

// take returns the answers since forget, in an order that does not depend on
// the connections.
func (p *tap) take() ([]answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []answer
	var problems error
	for _, l := range p.links {
		found, err := parse(l.requests.bytes[l.requests.old:], l.answers.bytes[l.answers.old:])
		all, problems = append(all, found...), errors.Join(problems, err)
	}
	slices.SortFunc(all, func(a, b answer) int { return bytes.Compare(a.Body, b.Body) })
	return all, problems
}

// parse reads the answers on one connection.
func parse(requests, answers []byte) ([]answer, error) {
	var all []answer
	in, out := bufio.NewReader(bytes.NewReader(requests)), bufio.NewReader(bytes.NewReader(answers))
	for {
		if _, end := out.Peek(1); end != nil {
			return all, nil //nolint:nilerr // no other answer
		}
		request, err := http.ReadRequest(in)
		if err != nil {
			return all, err
		}
		_, _ = io.Copy(io.Discard, request.Body)         // an aborted request may be cut
		response, err := http.ReadResponse(out, request) //nolint:bodyclose // it is read from memory
		for err == nil && response.StatusCode == http.StatusContinue {
			response, err = http.ReadResponse(out, request) //nolint:bodyclose // as above
		}
		if err != nil {
			return all, err
		}
		body, _ := io.ReadAll(response.Body) // a client may leave before the end
		all = append(all, answer{
			response.StatusCode, response.Header.Get("Content-Type"), response.Header,
			decompress(response.Header.Get("Content-Encoding"), body),
		})
	}
}

func decompress(encoding string, body []byte) []byte {
	if encoding != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	plain, err := io.ReadAll(z)
	if err != nil && len(plain) == 0 {
		return body
	}
	return plain
}
