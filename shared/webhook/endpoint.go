// Package webhook sends events to the endpoints that users register, by Standard
// Webhooks: https://www.standardwebhooks.com. This package has what endpoints and
// events are, signatures, the rules for URLs and addresses, and the schedule of
// retries. Package delivery makes the HTTP requests.
package webhook

import (
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
)

// MaxEndpoints is how many endpoints a user can have.
const MaxEndpoints = 5

// RotationOverlap is how long the previous secret of an endpoint still signs after
// a rotation.
const RotationOverlap = 24 * time.Hour

// An Endpoint is where a user receives events.
type Endpoint struct {
	UserID, ID    int64 // ids of a user's endpoints count from 1 and are never reused
	URL           string
	Types         []string // patterns, see CheckTypes; empty for all types
	CreatedTime   int64    // Unix seconds
	Secret        Secret
	Previous      Secret  // signs, too, until PreviousUntil; the zero Secret if there is none
	PreviousUntil int64   // Unix seconds
	Disabled      Reason  // "" if the endpoint gets events
	FailingSince  int64   // the Unix second of the first failed attempt since the last success; 0 if the last one succeeded
	Last          Attempt // the last attempt that was recorded; the zero Attempt if there is none
}

// A Reason is why an endpoint gets no events.
type Reason string

// The reasons.
const (
	ByUser  Reason = "user"    // its user has disabled it
	Gone    Reason = "gone"    // it answered 410 Gone
	Failing Reason = "failing" // no attempt has succeeded for FailingAfter
)

// FailingAfter is how long every attempt must have failed before an endpoint is
// disabled. It is disabled when an event is given up.
const FailingAfter = 3 * 24 * time.Hour

// Wants reports whether the endpoint is enabled and wants events of a type.
func (e Endpoint) Wants(t event.Type) bool {
	return e.Disabled == "" && (len(e.Types) == 0 || t == event.Test || slices.ContainsFunc(e.Types, func(pattern string) bool { return matches(t, pattern) }))
}

// Secrets returns the secrets that sign at a Unix second, the current one first.
func (e Endpoint) Secrets(now int64) []Secret {
	if now < e.PreviousUntil && len(e.Previous.Key()) > 0 {
		return []Secret{e.Secret, e.Previous}
	}
	return []Secret{e.Secret}
}

// An Attempt is what one delivery of an event came to.
type Attempt struct {
	EventID   string
	EventType event.Type
	Time      int64   // Unix seconds
	Number    int     // from 1
	Status    int     // the HTTP status; 0 if there was no answer
	Failure   Failure // "" if it succeeded
	Took      time.Duration
	// RetryAfter is how long the receiver wants to be left alone, if it answered 429
	// or 503 and said so. It is not stored.
	RetryAfter time.Duration
}

// A Failure is why an attempt failed.
type Failure string

// The failures.
const (
	FailStatus     Failure = "status"              // a status other than 2xx, 3xx and 410
	FailRedirect   Failure = "redirect"            // 3xx: redirects are not followed
	FailGone       Failure = "gone"                // 410
	FailTimeout    Failure = "timeout"             // no answer in time
	FailName       Failure = "name_not_found"      // the host name has no address
	FailAddress    Failure = "address_not_allowed" // the host name has an address that is not public
	FailTLS        Failure = "tls"                 // the certificate is not valid for the host name, or there is no TLS
	FailConnection Failure = "connection"          // the connection was refused or broke off
	FailURL        Failure = "url_not_allowed"     // the URL breaks a rule that is newer than the endpoint
)
