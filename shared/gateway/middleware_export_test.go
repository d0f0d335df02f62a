package gateway

import "net/http"

// What the tests of this package's folder see of it.

// ModelOf finds the model that a body names.
func ModelOf(h http.Header, body []byte) (string, error) {
	a, err := ask(h, body)
	return a.model, err
}

// UsageOf finds the usage in an answer that comes in pieces of some bytes.
func UsageOf(stream bool, body []byte, piece int) []byte {
	var e events
	f := &e.message
	read := f.read
	if stream {
		read = e.read
	}
	for len(body) > 0 {
		n := min(piece, len(body))
		read(body[:n])
		body = body[n:]
	}
	return f.usage
}
