package event

import (
	"sync"
	"time"
)

// A Recent has at most twice so many keys, and remembers a key for one to two hours, or
// until as many others came after it.
const (
	recentAge  = time.Hour
	mostRecent = 20_000
)

// Recent remembers what a process has sent, so that it is not sent again soon. It is
// safe for concurrent use.
type Recent struct {
	now func() time.Time

	mu            sync.Mutex
	began         time.Time // when fresh was empty
	fresh, before map[string]bool
}

// NewRecent returns a Recent that remembers nothing yet.
func NewRecent(now func() time.Time) *Recent {
	return &Recent{now: now, began: now(), fresh: map[string]bool{}}
}

// Has reports whether a key was added in about the last hour.
func (r *Recent) Has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	return r.fresh[key] || r.before[key]
}

// Add adds what was sent.
func (r *Recent) Add(keys ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		r.forget()
		r.fresh[key] = true
	}
}

// forget begins another set of keys if the current one is old or full. Old keys are
// still known until that happens again.
func (r *Recent) forget() {
	age := r.now().Sub(r.began)
	if age < recentAge && len(r.fresh) < mostRecent {
		return
	}
	r.before = r.fresh
	if age >= 2*recentAge {
		r.before = nil
	}
	r.fresh, r.began = map[string]bool{}, r.now()
}
