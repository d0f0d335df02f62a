package gateway

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// A decoder decodes a compressed body that arrives in pieces, and passes on
// what each piece allows. It runs the decompressor as a coroutine, which waits
// in its read for the next piece; nothing runs at the same time as the caller.
type decoder struct {
	next func() (struct{}, bool) // runs until the piece is used up, or the body has ended
	stop func()
	err  error // with which the body has ended; nil if it is complete

	piece   []byte
	last    bool // there is no other piece
	read    int64
	written int64
}

const (
	maxCodings = 2 // of one body

	// A body must not become larger than this. Streams of events repeat
	// themselves and become up to 100 times smaller.
	maxDecodedRatio  = 200
	freeDecodedBytes = 16 << 20

	maxWindowBytes = 8 << 20
)

var (
	errDecodedTooLarge = errors.New("the decoded body is too large")
	errCoding          = errors.New("unknown content coding")
)

// newDecoder returns a decoder for the codings of a Content-Encoding header. It
// passes what it decodes to sink.
func newDecoder(codings []string, sink func([]byte) error) *decoder {
	d := new(decoder)
	d.next, d.stop = iter.Pull(func(yield func(struct{}) bool) {
		d.err = d.run(codings, sink, func() bool { return yield(struct{}{}) })
	})
	return d
}

// contentCodings returns the codings of a body, in the order in which they were
// applied. https://www.rfc-editor.org/rfc/rfc9110#field.content-encoding
func contentCodings(h http.Header) []string {
	var codings []string
	for coding := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
			codings = append(codings, coding)
		}
	}
	return codings
}

// isDecodable reports whether a decoder exists for the codings.
func isDecodable(codings []string) bool {
	for _, coding := range codings {
		switch coding {
		case "gzip", "x-gzip", "deflate", "br", "zstd":
		default:
			return false
		}
	}
	return len(codings) <= maxCodings
}

// write decodes a piece. It ignores bytes after the end of the compressed body.
func (d *decoder) write(p []byte) error {
	d.piece, d.read = p, d.read+int64(len(p))
	d.next()
	return d.err
}

// close decodes the rest. The error says that the body is incomplete or damaged.
func (d *decoder) close() error {
	d.last = true
	d.next()
	d.stop()
	if d.read == 0 {
		return nil // an empty body
	}
	return d.err
}

// run decodes the body. It calls wait when it needs the next piece.
func (d *decoder) run(codings []string, sink func([]byte) error, wait func() bool) error {
	var r io.Reader = readerFunc(func(p []byte) (int, error) {
		for len(d.piece) == 0 {
			if d.last || !wait() {
				return 0, io.EOF // the decompressors know whether more must come
			}
		}
		n := copy(p, d.piece)
		d.piece = d.piece[n:]
		return n, nil
	})
	for _, coding := range slices.Backward(codings) {
		decoded, err := decompressor(coding, r)
		if err != nil {
			return err
		}
		r = decoded
	}
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		d.written += int64(n)
		if d.written > max(freeDecodedBytes, maxDecodedRatio*d.read) {
			return errDecodedTooLarge
		}
		if n > 0 {
			if err := sink(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// decompressor returns a reader of the decoded body. It uses no goroutine.
func decompressor(coding string, r io.Reader) (io.Reader, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewReader(r)
	case "br":
		return brotli.NewReader(r), nil
	case "zstd":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes), zstd.WithDecoderLowmem(true))
	case "deflate":
		buffered := bufio.NewReader(r)
		head, err := buffered.Peek(2)
		if err != nil {
			return nil, err
		}
		if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(buffered)
		}
		return flate.NewReader(buffered), nil // not as RFC 9110 wants it, but common
	default:
		return nil, fmt.Errorf("%w %q", errCoding, coding)
	}
}
