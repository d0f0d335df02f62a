package client

// An Option is said of one call.
type Option func(*request)

// An ETag names one version of a token. Spending makes no other.
type ETag string

// IfMatch lets an update or a deletion be done only while the token has this
// version; else the error is api.ErrVersionMismatch.
func IfMatch(version ETag) Option { return func(r *request) { r.match = version } }

// IdempotencyKey is for a caller who may have to make the same call again
// after it has died: for 24 h it gets the first answer, and nothing is done.
// Without it each call has a key of its own. It is for calls that create,
// rotate or deal with several tokens; with any other it is an error.
func IdempotencyKey(key string) Option { return func(r *request) { r.key = key } }
