package gateway

import "net/http"

// Access for the tests, which are in another package.

// ModelOf returns the model that a body names.
func ModelOf(h http.Header, content []byte) (string, error) {
	body, err := parseBody(h, content)
	return body.model, err
}
