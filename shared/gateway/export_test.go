package gateway

import "net/http"

// Access for the tests, which are in another package.

// ModelOf returns the model that a body names.
func ModelOf(h http.Header, content []byte) (string, error) {
	body, err := parseBody(h, content)
	return body.model, err
}

// UsageOf returns the usage in a response that arrives in pieces of pieceBytes.
func UsageOf(eventStream bool, response []byte, pieceBytes int) []byte {
	var events eventScanner
	object := &events.data
	scan := object.scan
	if eventStream {
		scan = events.scan
	}
	for len(response) > 0 {
		n := min(pieceBytes, len(response))
		scan(response[:n])
		response = response[n:]
	}
	return object.usage
}
