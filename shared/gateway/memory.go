package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// Defaults of the memory for request bodies.
const (
	defaultMaxBodyBytes   = 10 << 20
	defaultMaxMemoryBytes = 256 << 20

	// keyMemoryFactor is how many of the largest bodies one key can have in
	// memory.
	keyMemoryFactor = 4

	firstBodyBuffer = 16 << 10
)

// A memory limits how many bytes of request bodies are in memory, in the process
// and for each key.
type memory struct {
	mu        sync.Mutex
	free      int64
	keyLimit  int64
	usedByKey map[string]int64
}

func newMemory(bytes, keyBytes int64) *memory {
	return &memory{free: bytes, keyLimit: keyBytes, usedByKey: map[string]int64{}}
}

func (m *memory) take(key string, n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.usedByKey[key]+n > m.keyLimit:
		return errKeyBusy
	case n > m.free:
		return errServerBusy
	}
	m.usedByKey[key] += n
	m.free -= n
	return nil
}

func (m *memory) give(key string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free += n
	if m.usedByKey[key] -= n; m.usedByKey[key] == 0 {
		delete(m.usedByKey, key)
	}
}

// readBody reads the whole body, up to MaxBodyBytes. Its memory is taken as the
// bytes arrive; it returns how much, also with an error.
func (m *middleware) readBody(w http.ResponseWriter, r *http.Request, key string) (content []byte, taken int64, err error) {
	if r.ContentLength > m.MaxBodyBytes {
		return nil, 0, &bodyTooLargeError{m.MaxBodyBytes}
	}
	body := http.MaxBytesReader(w, r.Body, m.MaxBodyBytes)
	for {
		if len(content) == cap(content) {
			size := max(firstBodyBuffer, 2*int64(cap(content)))
			if r.ContentLength >= 0 {
				size = min(size, r.ContentLength+1) // one more, to find the end
			}
			size = min(size, m.MaxBodyBytes+1)
			grow := max(size, int64(cap(content))+1) - int64(cap(content))
			if err := m.memory.take(key, grow); err != nil {
				return nil, taken, err
			}
			taken += grow
			content = append(make([]byte, 0, int64(cap(content))+grow), content...)
		}
		n, err := body.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		var tooLarge *http.MaxBytesError
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return content, taken, nil
		case errors.As(err, &tooLarge):
			return nil, taken, &bodyTooLargeError{m.MaxBodyBytes}
		default:
			return nil, taken, bodyError("The body could not be read completely. Send it again.")
		}
	}
}
