package dynamo

import (
	"cmp"
	"sync"
)

// mostRecent is how many keys a recent map has at most, unless it says otherwise.
const mostRecent = 10_000

// A recent is a map of what this process knows from before. If it is full, a new
// key takes the place of any other. It is safe for concurrent use. Values that are
// pointers share its code, which keeps the functions small.
type recent[K comparable, V any] struct {
	most  int // keys; 0 means mostRecent
	mu    sync.Mutex
	known map[K]V
}

func (r *recent[K, V]) get(key K) (value V, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, known = r.known[key]
	return value, known
}

func (r *recent[K, V]) keep(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(key, value)
}

// getOrKeep returns the value of a key, which is the given one if there was none.
func (r *recent[K, V]) getOrKeep(key K, value V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.known[key]; ok {
		return known
	}
	r.put(key, value)
	return value
}

func (r *recent[K, V]) forget(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, key)
}

func (r *recent[K, V]) put(key K, value V) {
	if r.known == nil {
		r.known = map[K]V{}
	}
	if _, known := r.known[key]; !known && len(r.known) >= cmp.Or(r.most, mostRecent) {
		for other := range r.known { // any one
			delete(r.known, other)
			break
		}
	}
	r.known[key] = value
}
