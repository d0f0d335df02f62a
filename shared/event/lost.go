package event

import "fmt"

// LostError is the error of a Publisher that can never publish some events, however
// often the call is repeated. It has published all others.
type LostError struct {
	Events int    // how many
	Why    string // what is wrong with one of them
}

// Error implements error.
func (e *LostError) Error() string {
	return fmt.Sprintf("events that are lost, because sending them again can't help: %d; the reason of the first: %s", e.Events, e.Why)
}

// Add returns the sum of what is lost; both may be nil.
func (e *LostError) Add(more *LostError) *LostError {
	switch {
	case e == nil:
		return more
	case more == nil:
		return e
	}
	return &LostError{e.Events + more.Events, e.Why}
}

// Err returns nil if nothing is lost.
func (e *LostError) Err() error {
	if e == nil {
		return nil
	}
	return e
}

// Count returns how many events are lost, 0 of nil.
func (e *LostError) Count() int {
	if e == nil {
		return 0
	}
	return e.Events
}
