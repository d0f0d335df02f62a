package samtest_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/samtest"
)

// TestExposeOtherMachine checks that a URL of another machine stays the same.
func TestExposeOtherMachine(t *testing.T) {
	for _, endpoint := range []string{"http://192.0.2.1:8000", "http://host.docker.internal:8000", "https://dynamodb.us-east-1.amazonaws.com"} {
		if got, err := samtest.Expose(t.Context(), endpoint); err != nil || got != endpoint {
			t.Errorf("got %s, %v, want %s", got, err, endpoint)
		}
	}
}

// TestExposeWithoutPort checks that a local URL without a port is an error.
func TestExposeWithoutPort(t *testing.T) {
	for _, endpoint := range []string{"http://127.0.0.1", "http://[::1]/", "http://localhost", "::"} {
		if got, err := samtest.Expose(t.Context(), endpoint); err == nil {
			t.Errorf("%s: got %s, want an error", endpoint, got)
		}
	}
}
