package gateway_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// TestDecodedAnswer checks that a client gets a compressed answer decoded and
// charged, however it is cut into pieces, and that a truncated one does not
// look complete.
func TestDecodedAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, coding string
		writer       func(io.Writer) (io.WriteCloser, error)
	}{
		{"gzip", "gzip", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }},
		{"deflate", "deflate", func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }},
		{"deflate_without_header", "deflate", func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) }},
		{"br", "br", func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil }},
		{"zstd", "zstd", func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var packed bytes.Buffer
			z, err := tt.writer(&packed)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(z, completion) // a Buffer never fails
			_ = z.Close()
			for _, pieces := range []int{1, packed.Len()} {
				if got := sendCompressed(t, tt.coding, packed.Bytes(), pieces, 21); got.body != completion || got.err != nil {
					t.Errorf("in %d pieces: got %q (%v), want the answer", pieces, got.body, got.err)
				}
			}
			if got := sendCompressed(t, tt.coding, packed.Bytes()[:packed.Len()/2], 1, -1); got.err == nil {
				t.Errorf("truncated: got %q, want an error", got.body)
			}
		})
	}
}

// sendCompressed requests an answer that arrives in pieces, and checks the
// charge unless used is negative.
func sendCompressed(t *testing.T, coding string, packed []byte, pieces int, used int64) response {
	t.Helper()
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set("Content-Encoding", coding)
		w.Header().Set("Content-Length", strconv.Itoa(len(packed)))
		for rest, size := packed, len(packed)/pieces; len(rest) > 0; rest = rest[size:] {
			_, _ = w.Write(rest[:size])
			_ = http.NewResponseController(w).Flush()
		}
	}), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	got := s.chat(t, key, hello)
	if used >= 0 {
		s.wantUsed(t, key, 1000, used)
	}
	return got
}
